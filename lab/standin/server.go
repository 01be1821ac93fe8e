package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// soReusePort is SO_REUSEPORT on Linux, which the syscall package does not name.
const soReusePort = 0xf

// server is the kubelet and the apiserver in one: it watches the manifest and
// keeps a listener that obeys it.
type server struct {
	manifest           string
	poll, restartDelay time.Duration
	log                *log.Logger
}

// seen identifies one version of the manifest: a rename changes the inode, an
// edit in place the time or the content.
type seen struct {
	inode   uint64
	changed time.Time
	content string
}

func look(path string) (seen, error) {
	info, err := os.Stat(path)
	if err != nil {
		return seen{}, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return seen{}, err
	}
	var inode uint64
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = stat.Ino
	}
	return seen{inode: inode, changed: info.ModTime(), content: string(content)}, nil
}

// run obeys the manifest until ctx ends. A manifest that is gone means no
// apiserver; a listener that cannot start (port taken) is tried again at every
// look, as the kubelet restarts a container that crashes.
func (s *server) run(ctx context.Context) {
	var last seen
	var serving *http.Server
	var complaint string
	stop := func() {
		if serving != nil {
			_ = serving.Close()
			serving = nil
			s.log.Print("stopped")
		}
	}
	defer stop()
	complain := func(err error) {
		if err.Error() != complaint {
			complaint = err.Error()
			s.log.Print(complaint)
		}
	}

	for first := true; ; first = false {
		now, err := look(s.manifest)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			stop()
			complain(fmt.Errorf("%s is missing: nothing to serve", s.manifest))
		case err != nil:
			complain(err)
		case now != last || serving == nil:
			if now != last && !first {
				stop()
				s.log.Printf("%s changed: serving again in %s", s.manifest, s.restartDelay)
				if !sleep(ctx, s.restartDelay) {
					return
				}
			}
			if serving, err = s.serve(ctx, readManifest([]byte(now.content))); err != nil {
				complain(err)
			} else {
				complaint = ""
			}
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			last = now
		}
		if !sleep(ctx, s.poll) {
			return
		}
	}
}

// serve listens as told and answers in the background.
func (s *server) serve(ctx context.Context, told settings) (*http.Server, error) {
	certificate, err := tls.LoadX509KeyPair(told.certFile, told.keyFile)
	if err != nil {
		return nil, err
	}
	config := net.ListenConfig{}
	if told.permitPortSharing {
		config.Control = func(_, _ string, raw syscall.RawConn) error {
			var failed error
			err := raw.Control(func(descriptor uintptr) {
				failed = syscall.SetsockoptInt(int(descriptor), syscall.SOL_SOCKET, soReusePort, 1)
			})
			return errors.Join(err, failed)
		}
	}
	listener, err := config.Listen(ctx, "tcp", told.listenOn())
	if err != nil {
		return nil, err
	}
	serving := &http.Server{
		Handler:           handler(told),
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ErrorLog:          log.New(io.Discard, "", 0), // the genuine one is as silent about handshakes
	}
	s.log.Printf("serving on %s", listener.Addr())
	go func() {
		if err := serving.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			s.log.Print(err)
		}
	}()
	return serving, nil
}

func sleep(ctx context.Context, duration time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(duration):
		return true
	}
}
