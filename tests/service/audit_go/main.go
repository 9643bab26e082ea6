// Reads an audit export and judges it with golang.org/x/mod/sumdb alone: an independent reading of the checkpoint's
// note, of every checkpoint's root and of the proofs. It shares no code with cardfab.
//
//	audit_go EXPORT PROOFS VKEY SKEY
//	audit_go proofs INCLUSION CONSISTENCY OLD VKEY VKEY
//
// The second form judges proof files of two signatures (the log's, the auditor's) and then every file with one bit of it
// flipped; standard output is the number of flips and how many of them were let through.
//
// PROOFS is JSON made by cardfab; SKEY is a test key. Standard output is JSON for cardfab to check in turn.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type proof struct {
	Old, New int64       // consistency: sizes; inclusion: index and size
	Hashes   []tlog.Hash // base64
}

type proofs struct{ Inclusion, Consistency []proof }

type answer struct {
	Origins []string
	Sizes   []int64
	Signed  string // the last checkpoint's text, signed here
	Proofs  proofs // as proved here
}

// store is the log's hashes in the order that tlog gives them.
type store []tlog.Hash

func (s store) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = s[index]
	}
	return found, nil
}

func check(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

// after cuts the line "word ..." from the front of text.
func after(text, word string) (value, rest string) {
	line, rest, found := strings.Cut(text, "\n")
	if !found || !strings.HasPrefix(line, word+" ") {
		check(fmt.Errorf("found %q", line), "line "+word)
	}
	return line[len(word)+1:], rest
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	check(err, "number")
	return n
}

// signedNote cuts a note, text and signature lines, from the front of text.
func signedNote(text string) (head, rest string) {
	end := strings.Index(text, "\n\n") + 2
	for strings.HasPrefix(text[end:], "\u2014 ") {
		end += strings.Index(text[end:], "\n") + 1
	}
	return text[:end], text[end:]
}

// hash reads base64 in its one spelling; tlog.ParseHash lets stray bits pass.
func hash(text string) (tlog.Hash, error) {
	found, err := tlog.ParseHash(text)
	if err == nil && found.String() != text {
		err = fmt.Errorf("stray bits in %q", text)
	}
	return found, err
}

func hashes(lines []string) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, line := range lines {
		one, err := hash(line)
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, nil
}

// head opens a checkpoint that all the verifiers must have signed.
func head(data []byte, verifiers []note.Verifier) (origin string, size int64, root tlog.Hash, err error) {
	opened, err := note.Open(data, note.VerifierList(verifiers...))
	if err != nil {
		return
	}
	if len(opened.Sigs) != len(verifiers) || len(opened.UnverifiedSigs) != 0 {
		return "", 0, root, fmt.Errorf("%d signatures hold", len(opened.Sigs))
	}
	for _, one := range opened.Sigs { // note.Open lets stray bits pass
		raw, err := base64.StdEncoding.Strict().DecodeString(one.Base64)
		if err != nil || base64.StdEncoding.EncodeToString(raw) != one.Base64 {
			return "", 0, root, fmt.Errorf("signature spelled otherwise")
		}
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 {
		return "", 0, root, fmt.Errorf("%d lines", len(lines))
	}
	size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return
	}
	root, err = hash(lines[2])
	return lines[0], size, root, err
}

// inclusion judges a C2SP tlog-proof whose extra data is the record.
func inclusion(data []byte, verifiers []note.Verifier) error {
	top, bottom, found := strings.Cut(string(data), "\n\n")
	lines := strings.Split(top, "\n")
	if !found || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return fmt.Errorf("form")
	}
	if !strings.HasPrefix(lines[1], "extra ") || !strings.HasPrefix(lines[2], "index ") {
		return fmt.Errorf("form")
	}
	leaf, err := base64.StdEncoding.Strict().DecodeString(lines[1][6:])
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(lines[2][6:], 10, 64)
	if err != nil || strconv.FormatInt(index, 10) != lines[2][6:] {
		return fmt.Errorf("index")
	}
	path, err := hashes(lines[3:])
	if err != nil {
		return err
	}
	_, size, root, err := head([]byte(bottom), verifiers)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(path, size, root, index, tlog.RecordHash(leaf))
}

// consistency judges a proof in the form of a C2SP tlog-witness request, against the older checkpoint.
func consistency(data []byte, older []byte, verifiers []note.Verifier) error {
	origin, old, oldRoot, err := head(older, verifiers)
	if err != nil {
		return err
	}
	top, bottom, found := strings.Cut(string(data), "\n\n")
	lines := strings.Split(top, "\n")
	if !found || lines[0] != fmt.Sprintf("old %d", old) {
		return fmt.Errorf("form")
	}
	path, err := hashes(lines[1:])
	if err != nil {
		return err
	}
	name, size, root, err := head([]byte(bottom), verifiers)
	if err != nil {
		return err
	}
	if name != origin {
		return fmt.Errorf("log of %s", name)
	}
	return tlog.CheckTree(path, size, root, old, oldRoot)
}

func proofFiles(arguments []string) {
	var files [3][]byte
	for n := range files {
		data, err := os.ReadFile(arguments[n])
		check(err, "file")
		files[n] = data
	}
	var verifiers []note.Verifier
	for _, key := range arguments[3:] {
		one, err := note.NewVerifier(key)
		check(err, "verifier key")
		verifiers = append(verifiers, one)
	}
	judge := []func([]byte) error{
		func(data []byte) error { return inclusion(data, verifiers) },
		func(data []byte) error { return consistency(data, files[2], verifiers) },
		func(data []byte) error { return consistency(files[1], data, verifiers) },
	}
	flips, passed := 0, 0
	for n, data := range files {
		check(judge[n](data), arguments[n])
		for at := range data {
			for bit := 0; bit < 8; bit++ {
				data[at] ^= 1 << bit
				if judge[n](data) == nil {
					passed++
				}
				flips++
				data[at] ^= 1 << bit
			}
		}
	}
	fmt.Println(flips, passed)
}

func main() {
	if os.Args[1] == "proofs" {
		proofFiles(os.Args[2:])
		return
	}
	data, err := os.ReadFile(os.Args[1])
	check(err, "export")
	verifier, err := note.NewVerifier(os.Args[3])
	check(err, "verifier key")
	signer, err := note.NewSigner(os.Args[4])
	check(err, "signer key")

	version, text, _ := strings.Cut(string(data), "\n")
	if version != "cardfab-audit-export v2" {
		check(fmt.Errorf("found %q", version), "version")
	}
	origin, text := after(text, "origin")
	count, text := after(text, "keys")
	for n := number(count); n > 0; n-- {
		_, text, _ = strings.Cut(text, "\n")
	}
	count, text = after(text, "checkpoints")
	var heads []*note.Note
	for n := number(count); n > 0; n-- {
		var head string
		head, text = signedNote(text)
		opened, err := note.Open([]byte(head), note.VerifierList(verifier))
		check(err, "checkpoint")
		heads = append(heads, opened)
	}
	count, text = after(text, "hashes")
	var kept []string
	for n := number(count); n > 0; n-- {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		kept = append(kept, line)
	}
	count, text = after(text, "events")
	leaves := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if int64(len(leaves)) != number(count) {
		check(fmt.Errorf("%d lines for %s", len(leaves), count), "events")
	}

	var stored store
	for n, leaf := range leaves {
		if tlog.RecordHash([]byte(leaf)).String() != kept[n] {
			check(fmt.Errorf("of event %d", n), "hash differs")
		}
		more, err := tlog.StoredHashes(int64(n), []byte(leaf), stored)
		check(err, "leaf")
		stored = append(stored, more...)
	}
	said := answer{}
	for _, head := range heads {
		lines := strings.Split(head.Text, "\n")
		root, err := tlog.ParseHash(lines[2])
		check(err, "root")
		computed, err := tlog.TreeHash(number(lines[1]), stored)
		check(err, "tree")
		if lines[0] != origin || computed != root {
			check(fmt.Errorf("of %s at %s", lines[0], lines[1]), "root differs")
		}
		said.Origins = append(said.Origins, lines[0])
		said.Sizes = append(said.Sizes, number(lines[1]))
	}

	var given proofs
	data, err = os.ReadFile(os.Args[2])
	check(err, "proofs")
	check(json.Unmarshal(data, &given), "proofs")
	tree := func(size int64) tlog.Hash {
		root, err := tlog.TreeHash(size, stored)
		check(err, "tree")
		return root
	}
	for _, p := range given.Inclusion {
		leaf := tlog.RecordHash([]byte(leaves[p.Old]))
		check(tlog.CheckRecord(p.Hashes, p.New, tree(p.New), p.Old, leaf), fmt.Sprint("inclusion ", p.Old, p.New))
		own, err := tlog.ProveRecord(p.New, p.Old, stored)
		check(err, "inclusion")
		said.Proofs.Inclusion = append(said.Proofs.Inclusion, proof{p.Old, p.New, own})
	}
	for _, p := range given.Consistency {
		check(tlog.CheckTree(p.Hashes, p.New, tree(p.New), p.Old, tree(p.Old)), fmt.Sprint("consistency ", p.Old, p.New))
		own, err := tlog.ProveTree(p.New, p.Old, stored)
		check(err, "consistency")
		said.Proofs.Consistency = append(said.Proofs.Consistency, proof{p.Old, p.New, own})
	}

	signed, err := note.Sign(&note.Note{Text: heads[len(heads)-1].Text}, signer)
	check(err, "sign")
	said.Signed = string(signed)
	check(json.NewEncoder(os.Stdout).Encode(said), "answer")
}
