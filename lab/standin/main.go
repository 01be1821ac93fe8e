// Command kube-apiserver stands in for the genuine one in the lab: a small TLS
// server that reads its flags from the static pod manifest, binds as the
// genuine one does, answers the health endpoints, and restarts when the
// manifest changes, as the kubelet would make it. Its etcd is an endpoint that
// tells its health.
package main

import (
	"context"
	"flag"
	"log"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	s := server{log: log.Default()}
	flag.StringVar(&s.manifest, "manifest", "/etc/kubernetes/manifests/kube-apiserver.yaml", "static pod manifest to take the flags from")
	flag.DurationVar(&s.poll, "poll", 500*time.Millisecond, "how often to look at the manifest")
	flag.DurationVar(&s.restartDelay, "restart-delay", 2*time.Second, "how long a restart takes, from closed to listening again")
	e := etcd{address: "127.0.0.1:2381", log: s.log}
	flag.StringVar(&e.file, "etcd", "/etc/kubernetes/standin-etcd", "file that says how the node's etcd is: healthy, unhealthy or hangs; without it there is none")
	flag.Parse()
	log.SetFlags(0)

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	e.poll = s.poll / 5
	go e.run(ctx)
	s.run(ctx)
}
