//go:build restarts

package restart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// retries is how often client-go sends a request again.
const retries = 10

// do sends a request as client-go does (k8s.io/client-go, rest/request.go and
// rest/with_retry.go): again after an answer of 429 or 5xx that has a Retry-After,
// whatever the method; again after a GET whose connection ends before the answer;
// otherwise it is an error, which kubectl shows. The answer is a 2xx.
func (n *noticed) do(ctx context.Context, client *http.Client, method, url, body string) (*http.Response, error) {
	for try := 0; ; try++ {
		request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := client.Do(request)
		wait, again := time.Second, err != nil && method == http.MethodGet && endsProbably(err)
		if err == nil {
			if response.StatusCode/100 == 2 {
				return response, nil
			}
			wait, again = retryAfter(response)
			said, _ := io.ReadAll(io.LimitReader(response.Body, 500))
			_ = response.Body.Close()
			err = fmt.Errorf("answers %d, Retry-After %q: %s", response.StatusCode, response.Header.Get("Retry-After"), said)
		}
		if !again || try == retries || ctx.Err() != nil {
			return nil, err
		}
		atomic.AddInt64(&n.retried, 1)
		n.firstRetry.CompareAndSwap(nil, method+": "+err.Error())
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// endsProbably is IsConnectionReset or IsProbableEOF of apimachinery's util/net.
func endsProbably(err error) bool {
	text := strings.ToLower(err.Error())
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		strings.Contains(text, "can't write http request on broken connection") ||
		strings.Contains(text, "server sent goaway and closed the connection") ||
		strings.Contains(text, "connection reset by peer") || strings.Contains(text, "use of closed network connection")
}

func retryAfter(response *http.Response) (time.Duration, bool) {
	if response.StatusCode != http.StatusTooManyRequests && response.StatusCode/100 != 5 {
		return 0, false
	}
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	return time.Duration(seconds) * time.Second, err == nil
}
