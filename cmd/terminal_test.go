package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
)

// asks is a kplb that asks for passwords: see TestAsk, where there are
// pseudo-terminals.
func asks() {
	a := &asker{s: &streams{err: os.Stderr}}
	for _, question := range []string{"password of sudo on the nodes", "password of sudo on the nodes", "passphrase of id"} {
		answer, err := a.ask(context.Background(), question)
		fmt.Printf("%q %v\n", answer, err)
	}
}

// TestAskInterrupted: whoever has interrupted is not asked any more, and what was
// answered before is known.
func TestAskInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	a := &asker{answer: map[string][]byte{"passphrase of id": []byte("passwort1")}}
	if answer, err := a.ask(ctx, "password of sudo on the nodes"); answer != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v", answer, err)
	}
	if answer, err := a.ask(ctx, "passphrase of id"); string(answer) != "passwort1" || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
}
