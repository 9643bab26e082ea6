"""Keys in a PKCS#11 token. The only room that imports ``pkcs11`` (python-pkcs11).

One process, one session, one thread: python-pkcs11 initialises the module without locks and lets go of the interpreter
lock while it calls, so that two threads can corrupt a module's memory.
"""
