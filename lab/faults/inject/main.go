//go:build linux && amd64

// Command inject is put in the place of timeout(1) on a node, which starts
// every step of kplb there. It makes one system call of one step fail, the
// k-th of those that change a file, counted over all processes of the step.
// Of strace(1) it is the part that counts so: strace counts for each process.
//
//	/run/fault.plan   LIMIT NTH K WHAT [OF]: of the NTH step with that limit in
//	                  seconds, the K-th call fails with the error number WHAT,
//	                  or its process is killed (WHAT is "kill"); only calls
//	                  that begin as OF says count, a regular expression as in
//	                  "write /etc/"
//	/run/fault.done   how many calls there were, and which one it was
package main

import (
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

const (
	planFile = "/run/fault.plan"
	doneFile = "/run/fault.done"
	timeout  = "/usr/bin/timeout"
)

// plan is what is to fail.
type plan struct {
	limit  string
	nth, k int
	kill   bool
	errno  syscall.Errno
	of     *regexp.Regexp
}

func readPlan() (p plan, ok bool) {
	text, err := os.ReadFile(planFile)
	if err != nil {
		return p, false
	}
	var what string
	if n, _ := fmt.Sscan(string(text), &p.limit, &p.nth, &p.k, &what); n != 4 {
		return p, false
	}
	of := ""
	if fields := strings.SplitN(strings.TrimSpace(string(text)), " ", 5); len(fields) == 5 {
		of = fields[4]
	}
	if p.of, err = regexp.Compile("^(?:" + of + ")"); err != nil {
		return p, false
	}
	number, err := strconv.Atoi(what)
	p.kill, p.errno = err != nil, syscall.Errno(number)
	return p, true
}

// turn says which step with this limit it is: several may begin at once.
func turn(limit string) int {
	for n := 1; ; n++ {
		f, err := os.OpenFile("/run/fault.step-"+limit+"-"+strconv.Itoa(n), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			_ = f.Close() // its name is what counts
			return n
		}
	}
}

func main() {
	p, ok := readPlan()
	// timeout -k 10 LIMIT /bin/sh -s
	if !ok || len(os.Args) < 4 || os.Args[3] != p.limit || turn(p.limit) != p.nth {
		fmt.Fprintln(os.Stderr, syscall.Exec(timeout, os.Args, os.Environ())) //nolint:gosec // that is what it is for
		os.Exit(126)
	}
	// the thread that starts it is its tracer
	runtime.LockOSThread()
	pid, err := syscall.ForkExec(timeout, os.Args, &syscall.ProcAttr{ //nolint:gosec // as above
		Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(126)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go func() {
		for s := range signals {
			_ = syscall.Kill(pid, s.(syscall.Signal)) //nolint:forcetypeassert // on Linux they are; it may have ended
		}
	}()
	t := tracer{plan: p, main: pid, known: map[int]bool{}, fails: map[int]bool{}}
	code := t.run()
	said := []string{strconv.Itoa(t.count), t.hit}
	if err := os.WriteFile(doneFile, []byte(strings.Join(said, " ")), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}
