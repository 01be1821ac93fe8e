package remote

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote/sshconfig"
)

// The methods of RFC 4252 and 4256 that we know.
const (
	methodKey      = "publickey"
	methodQuestion = sshconfig.MethodQuestion
	methodPassword = sshconfig.MethodPassword
)

// dialogue is how one login proves who it is. Keys come first; questions and passwords are answered only where they are wanted besides
// a key, or where keys are not wanted at all.
type dialogue struct {
	ctx    context.Context
	host   string // for questions
	ring   *keyring
	answer func(ctx context.Context, host, question string) ([]byte, error)
	words  *words

	begun    bool     // the host has said which methods it wants
	wants    []string // now
	passed   []string // methods that the host has taken as a part of the login
	answered string   // the method that a person was last asked for
	failed   error    // nobody could answer
	accepted []string // keys that the host has taken
	taken    []string // the same, as they go over the wire
}

func (d *dialogue) keys() ssh.AuthMethod { return ssh.PublicKeysCallback(d.signers) }

// signers gives the keys that the host has not taken yet: it may want two.
func (d *dialogue) signers() ([]ssh.Signer, error) {
	if len(d.taken) > 0 {
		d.ring.offered, d.ring.skipped = nil, nil // listed again
	}
	var left []ssh.Signer
	for _, s := range d.ring.signers() {
		if !slices.Contains(d.taken, string(s.PublicKey().Marshal())) {
			left = append(left, d.watch(s))
		}
	}
	return left, nil
}

// watch makes a witness that has the algorithms of its signer.
func (d *dialogue) watch(s ssh.Signer) ssh.Signer {
	w := witness{s, d}
	if several, ok := s.(ssh.MultiAlgorithmSigner); ok {
		return limitedWitness{w, several.Algorithms()}
	}
	return w
}

type limitedWitness struct {
	witness
	algorithms []string
}

func (l limitedWitness) Algorithms() []string { return l.algorithms }

// witness remembers that a key was asked to sign, which happens once the host has said that it takes it.
type witness struct {
	ssh.Signer
	dialogue *dialogue
}

// SignWithAlgorithm keeps RSA keys usable, see named.
func (w witness) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	d := w.dialogue
	d.accepted = append(d.accepted, describe(w.Signer))
	d.taken = append(d.taken, string(w.PublicKey().Marshal()))
	return signWith(w.Signer, rand, data, algorithm)
}

// next chooses the method. None means the keys, if they are wanted and were not refused, and else the end.
func (d *dialogue) next(c *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	d.begun, d.wants, d.passed = true, c.AllowedMethods, c.PartialSuccessMethods
	others := []string{methodQuestion, methodPassword}
	if slices.Contains(d.wants, methodKey) || d.failed != nil {
		others = nil
	}
	for _, method := range others {
		tried := 0
		for _, t := range c.TriedMethods {
			if t == method {
				tried++
			}
		}
		if tried == d.ring.hop.Attempts() || !d.ring.hop.May(method) || !slices.Contains(d.wants, method) {
			continue
		}
		d.answered = method
		if method == methodQuestion {
			return ssh.KeyboardInteractive(d.questions), nil
		}
		return ssh.PasswordCallback(d.password), nil
	}
	return nil, nil
}

func (d *dialogue) questions(name, instruction string, questions []string, _ []bool) ([]string, error) {
	d.words.add(name)
	d.words.add(instruction)
	answers := make([]string, 0, len(questions))
	for _, question := range questions {
		answer, err := d.ask(strings.TrimRight(strings.TrimSpace(Clean(question)), ":"))
		if err != nil {
			return nil, err
		}
		answers = append(answers, string(answer))
	}
	return answers, nil
}

func (d *dialogue) password() (string, error) {
	answer, err := d.ask("password of " + d.ring.hop.User)
	return string(answer), err
}

// errNobody says that a question of the host cannot be answered.
var errNobody = errors.New("nobody can be asked")

// ask has a person answer. The clock of the login stands still, and whoever asks need not know the context.
func (d *dialogue) ask(question string) ([]byte, error) {
	if d.answer == nil || d.ring.hop.Batch {
		d.failed = errNobody
		return nil, d.failed
	}
	defer d.ring.pause()()
	type reply struct {
		text []byte
		err  error
	}
	replied := make(chan reply, 1)
	go func() {
		text, err := d.answer(d.ctx, d.host, question)
		replied <- reply{text, err}
	}()
	select {
	case r := <-replied:
		d.failed = r.err
		return r.text, r.err
	case <-d.ctx.Done():
		d.failed = context.Cause(d.ctx)
		return nil, d.failed
	}
}
