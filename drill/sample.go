package drill

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/kplb/kplb/apiserver"
)

// Sample is one new connection: made, asked, and closed.
type Sample struct {
	At      time.Duration // when it began, since the run began
	Took    time.Duration // until its answer, or its failure
	Failure string        // empty: it was answered
}

// ended is when its answer was there, or its failure.
func (s Sample) ended() time.Duration { return s.At + s.Took }

// Break is the end of a held connection.
type Break struct {
	Last    time.Duration // its last answer, since the run began
	Noticed time.Duration // the client learned that it is broken
	Back    time.Duration // the first answer on the next one; 0: there was none
}

// The ways in which a connection fails, as a client sees them.
const (
	failSilent  = "no answer"
	failRefused = "refused"
	failReset   = "reset"
	failRoute   = "no route"
	failForeign = "another certificate" // not of the cluster's CA, or for another address
	failStatus  = "another answer"
	failOther   = "other"
)

// failure puts an error into one of these words.
func failure(err error) string {
	var verification *tls.CertificateVerificationError
	var status *apiserver.StatusError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &status):
		return failStatus
	case errors.As(err, &verification), errors.As(err, new(x509.HostnameError)), errors.As(err, new(x509.UnknownAuthorityError)):
		return failForeign
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return failSilent
	case errors.Is(err, syscall.ECONNREFUSED), strings.Contains(err.Error(), "Connection refused"): // the second through SSH
		return failRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return failReset
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), strings.Contains(err.Error(), "No route to host"):
		return failRoute
	}
	return failOther
}
