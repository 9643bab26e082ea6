// Reads an audit export and judges it with golang.org/x/mod/sumdb alone: an independent reading of the checkpoint's
// note, of every checkpoint's root and of the proofs. It shares no code with cardfab.
//
//	audit_go EXPORT PROOFS VKEY SKEY
//
// PROOFS is JSON made by cardfab; SKEY is a test key. Standard output is JSON for cardfab to check in turn.
package main

import (
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

func main() {
	data, err := os.ReadFile(os.Args[1])
	check(err, "export")
	verifier, err := note.NewVerifier(os.Args[3])
	check(err, "verifier key")
	signer, err := note.NewSigner(os.Args[4])
	check(err, "signer key")

	version, text, _ := strings.Cut(string(data), "\n")
	if version != "cardfab-audit-export v1" {
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
	count, text = after(text, "events")
	leaves := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if int64(len(leaves)) != number(count) {
		check(fmt.Errorf("%d lines for %s", len(leaves), count), "events")
	}

	var hashes store
	for n, leaf := range leaves {
		more, err := tlog.StoredHashes(int64(n), []byte(leaf), hashes)
		check(err, "leaf")
		hashes = append(hashes, more...)
	}
	said := answer{}
	for _, head := range heads {
		lines := strings.Split(head.Text, "\n")
		root, err := tlog.ParseHash(lines[2])
		check(err, "root")
		computed, err := tlog.TreeHash(number(lines[1]), hashes)
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
		root, err := tlog.TreeHash(size, hashes)
		check(err, "tree")
		return root
	}
	for _, p := range given.Inclusion {
		leaf := tlog.RecordHash([]byte(leaves[p.Old]))
		check(tlog.CheckRecord(p.Hashes, p.New, tree(p.New), p.Old, leaf), fmt.Sprint("inclusion ", p.Old, p.New))
		own, err := tlog.ProveRecord(p.New, p.Old, hashes)
		check(err, "inclusion")
		said.Proofs.Inclusion = append(said.Proofs.Inclusion, proof{p.Old, p.New, own})
	}
	for _, p := range given.Consistency {
		check(tlog.CheckTree(p.Hashes, p.New, tree(p.New), p.Old, tree(p.Old)), fmt.Sprint("consistency ", p.Old, p.New))
		own, err := tlog.ProveTree(p.New, p.Old, hashes)
		check(err, "consistency")
		said.Proofs.Consistency = append(said.Proofs.Consistency, proof{p.Old, p.New, own})
	}

	signed, err := note.Sign(&note.Note{Text: heads[len(heads)-1].Text}, signer)
	check(err, "sign")
	said.Signed = string(signed)
	check(json.NewEncoder(os.Stdout).Encode(said), "answer")
}
