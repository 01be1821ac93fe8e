// Package remote runs scripts on one host over SSH: bounded, quoted, cancellable. It knows nothing of clusters.
//
// A Host is one connection. A Script is constant POSIX sh text with typed data; Run streams it over the standard
// input of one constant command, a root shell that lasts as long as the connection, and hands back the records that
// the script reports. Nothing is built from strings, nothing secret is ever in an argument or in the environment, and
// what a host prints is cleaned of terminal escapes before anybody sees it.
//
// The host speaks first: only when a new shell has printed its marks on both streams, and sudo has let us through, is a program sent. What is
// in the way before that is named (docs/ssh-host.md).
//
// Host keys are checked as OpenSSH does with StrictHostKeyChecking=yes. There is no way to switch that off; a key that
// is not known yet can be recorded knowingly, by Trust or by Options.AcceptNew. The agent is used, never forwarded.
//
// Every error about a host is an *Error: it names the host, wraps one of the Err sentinels and carries the hint as
// data. Every function that may wait takes a context and comes back as soon as that is done.
package remote
