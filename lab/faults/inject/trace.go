//go:build linux && amd64

package main

import "syscall"

// tracer follows a step and all that comes of it.
type tracer struct {
	plan
	main  int
	known map[int]bool // processes that have been seen
	fails map[int]bool // inside the call that must fail
	count int
	hit   string // the call that failed
}

// run ends with the step, and gives its exit status.
func (t *tracer) run() int {
	const follow = syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACEFORK | syscall.PTRACE_O_TRACEVFORK |
		syscall.PTRACE_O_TRACECLONE | syscall.PTRACE_O_TRACEEXEC
	inside := map[int]bool{} // between the entry and the exit of a call
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WALL, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 125
		case status.Exited() && pid == t.main:
			return status.ExitStatus()
		case status.Signaled() && pid == t.main:
			return 128 + int(status.Signal())
		case !status.Stopped():
			continue
		}
		deliver := 0
		switch s := status.StopSignal(); {
		case s == syscall.SIGTRAP|0x80:
			inside[pid] = !inside[pid]
			if inside[pid] {
				t.enter(pid)
			} else {
				t.leave(pid)
			}
		case !t.known[pid]: // its first stop is the tracer's
			t.known[pid] = true
			_ = syscall.PtraceSetOptions(pid, follow) // children have their parent's
		case s != syscall.SIGTRAP:
			deliver = int(s)
		}
		_ = syscall.PtraceSyscall(pid, deliver) // it may be gone
	}
}

func (t *tracer) enter(pid int) {
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(pid, &regs) != nil {
		return
	}
	what, ok := changes(pid, &regs)
	if !ok || !t.of.MatchString(what) {
		return
	}
	t.count++
	if t.count != t.k {
		return
	}
	t.hit = what
	if t.kill {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		return
	}
	regs.Orig_rax = ^uint64(0) // no call at all
	t.fails[pid] = syscall.PtraceSetRegs(pid, &regs) == nil
}

func (t *tracer) leave(pid int) {
	if !t.fails[pid] {
		return
	}
	delete(t.fails, pid)
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(pid, &regs) == nil {
		regs.Rax = uint64(-int64(t.errno)) //nolint:gosec // as the kernel does it
		_ = syscall.PtraceSetRegs(pid, &regs)
	}
}
