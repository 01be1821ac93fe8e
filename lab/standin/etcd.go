package main

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// etcd stands in for the health of a node's etcd member, as the genuine one
// tells it to the node itself. A file says how it is: "healthy", "unhealthy",
// or "hangs" (it accepts, and never answers); without it, nothing listens.
type etcd struct {
	file, address string
	poll          time.Duration
	log           *log.Logger
}

// run obeys the file until ctx ends.
func (e *etcd) run(ctx context.Context) {
	var serving *http.Server
	was := ""
	stop := func() {
		if serving != nil {
			_ = serving.Close() // what hangs is cut off, too
			serving = nil
		}
	}
	defer stop()
	for {
		if state := e.state(); state != was {
			stop()
			was = state
			if state != "absent" {
				serving = e.serve(ctx, state)
			}
			e.log.Printf("etcd is %s", state)
		}
		if !sleep(ctx, e.poll) {
			return
		}
	}
}

func (e *etcd) state() string {
	text, err := os.ReadFile(e.file)
	if err != nil {
		return "absent"
	}
	return strings.TrimSpace(string(text))
}

func (e *etcd) serve(ctx context.Context, state string) *http.Server {
	config := net.ListenConfig{}
	listener, err := config.Listen(ctx, "tcp", e.address)
	if err != nil {
		e.log.Print(err)
		return nil
	}
	serving := &http.Server{Handler: health(state), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = serving.Serve(listener) }() // it ends when it is closed
	return serving
}

func health(state string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		switch state {
		case "healthy":
			_, _ = io.WriteString(w, `{"health":"true","reason":""}`)
		case "hangs":
			<-request.Context().Done()
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"health":"false","reason":"RAFT NO LEADER"}`)
		}
	})
}
