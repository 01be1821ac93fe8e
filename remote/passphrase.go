package remote

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/melbahja/goph"
)

// CachePassphrases makes a function for Options.Passphrase out of one that asks a person: it asks for one file at a time, up to three
// times until the passphrase fits, and remembers it, so that several hosts cost one question.
func CachePassphrases(ask func(ctx context.Context, keyFile string) ([]byte, error)) func(ctx context.Context, keyFile string) ([]byte, error) {
	var mu sync.Mutex
	known := map[string][]byte{}
	return func(ctx context.Context, keyFile string) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		if passphrase, ok := known[keyFile]; ok {
			return passphrase, nil
		}
		data, err := os.ReadFile(keyFile)
		if err != nil {
			return nil, err
		}
		for range 3 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			passphrase, err := ask(ctx, keyFile)
			if err != nil {
				return nil, err
			}
			if _, err := goph.GetSignerForRawKey(data, string(passphrase)); err == nil {
				known[keyFile] = passphrase
				return passphrase, nil
			}
		}
		return nil, errors.New("three wrong passphrases")
	}
}
