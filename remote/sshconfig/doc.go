// Package sshconfig says how a host is reached and who it has to be: a Target and what ssh_config(5) has about it in, a
// chain of Hops out. It connects to nobody.
//
// The files are read by `ssh -G`, so that what they mean is what ssh makes of them: Host, Match, Include, tokens. Every
// keyword is done, harmless or refused by name, and one that is not known is refused where a file sets it (docs/ssh.md).
// What cannot be done is never left out in silence, for it may be what somebody's trust rests on.
//
// Names of hosts and users are checked before ssh or a resolver sees them. Every error wraps failure.ErrTarget, but for
// the error of a context that is done; Hint has what to do about it.
package sshconfig
