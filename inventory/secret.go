package inventory

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Secret names where a secret comes from. Exactly one field is set. The
// inventory never holds the secret itself.
type Secret struct {
	Env     string   // an environment variable of the operator
	File    string   // a file of the operator
	Command []string // a command of the operator that prints it
}

// Resolve fetches the secret by the one of the three that it needs: env looks
// up an environment variable, readFile reads a file of the operator (and knows
// what ~/ is), run runs a command without a shell and answers its output. One
// newline at the end is not part of a secret. No error has the secret in it.
func (s *Secret) Resolve(
	ctx context.Context,
	env func(string) (string, bool),
	readFile func(string) ([]byte, error),
	run func(ctx context.Context, argv []string) ([]byte, error),
) (string, error) {
	var secret, origin string
	switch {
	case s == nil:
		return "", errors.New("no place of the secret is given")
	case s.Env != "":
		value, ok := env(s.Env)
		if !ok {
			return "", fmt.Errorf("environment variable %s is not set", s.Env)
		}
		secret, origin = value, "environment variable "+s.Env
	case s.File != "":
		data, err := readFile(s.File)
		if err != nil {
			return "", fmt.Errorf("reading the secret: %w", err)
		}
		secret, origin = string(data), s.File
	case len(s.Command) > 0:
		// The arguments stay out of messages: some tools take tokens there.
		data, err := run(ctx, s.Command)
		if err != nil {
			return "", fmt.Errorf("running %s for the secret: %w", s.Command[0], err)
		}
		secret, origin = string(data), "the output of "+s.Command[0]
	default:
		return "", errors.New("no place of the secret is given")
	}
	if line, ok := strings.CutSuffix(secret, "\n"); ok {
		secret = strings.TrimSuffix(line, "\r")
	}
	if secret == "" {
		return "", fmt.Errorf("%s is empty", origin)
	}
	return secret, nil
}

// longestAuthPass is what the eight bytes of a VRRPv2 advert hold.
const longestAuthPass = 8

// CheckAuthPass says what is wrong with a password of VRRP version 2, without
// repeating it.
func CheckAuthPass(password string) error {
	switch {
	case password == "":
		return errors.New("the VRRP password is empty; use 1 to 8 letters and digits")
	case len(password) > longestAuthPass:
		return fmt.Errorf("the VRRP password has %d characters, and keepalived silently cuts it to %d; use 1 to %d letters and digits",
			len(password), longestAuthPass, longestAuthPass)
	case strings.ContainsAny(password, "#!"):
		return errors.New("the VRRP password has a # or !, which begins a comment in keepalived.conf; use letters and digits only")
	}
	for _, r := range password {
		if (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return errors.New("the VRRP password has a character that keepalived.conf may take for something else; use letters and digits only")
		}
	}
	return nil
}
