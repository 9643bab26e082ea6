"""The key-service process: one key store, one thread, on a local socket; stations with an identity of their own.

:mod:`wire` is the codec, :mod:`schema` the closed list of what may be said, :mod:`identity` who may connect,
:mod:`session` and :mod:`server` the service, :mod:`supervisor` what starts it again; :mod:`line`, :mod:`objects` and
:mod:`client` are the station's side. ``docs/key-service.md`` has the protocol to the byte.
"""
