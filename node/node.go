// Package node says what can be done on one machine of a cluster. Each thing
// is a program of POSIX sh that runs there as root, in programs/. Nothing
// else of kplb knows what the programs are called, what they are given, or
// what they answer.
package node
