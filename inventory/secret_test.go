package inventory

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"PASS": "s3cret", "EMPTY": ""}[name]
		return value, ok
	}
	readFile := func(name string) ([]byte, error) {
		if name == "/pass" {
			return []byte("s3cret\n"), nil
		}
		return nil, errors.New("open " + name + ": no such file")
	}
	run := func(_ context.Context, argv []string) ([]byte, error) {
		switch strings.Join(argv, " ") {
		case "pass show kplb":
			return []byte("s3cret\r\n"), nil
		case "pass twice":
			return []byte("s3cret\n\n"), nil
		}
		return nil, errors.New("exit status 1")
	}
	for name, c := range map[string]struct {
		secret  *Secret
		want    string
		wantErr string
	}{
		"variable":         {secret: &Secret{Env: "PASS"}, want: "s3cret"},
		"variable unset":   {secret: &Secret{Env: "NONE"}, wantErr: "environment variable NONE is not set"},
		"variable empty":   {secret: &Secret{Env: "EMPTY"}, wantErr: "environment variable EMPTY is empty"},
		"file":             {secret: &Secret{File: "/pass"}, want: "s3cret"},
		"file missing":     {secret: &Secret{File: "/none"}, wantErr: "reading the secret: open /none: no such file"},
		"command":          {secret: &Secret{Command: []string{"pass", "show", "kplb"}}, want: "s3cret"},
		"only one newline": {secret: &Secret{Command: []string{"pass", "twice"}}, want: "s3cret\n"},
		"command fails":    {secret: &Secret{Command: []string{"pass", "--token=abc"}}, wantErr: "running pass for the secret: exit status 1"},
		"nothing":          {secret: &Secret{}, wantErr: "no place of the secret is given"},
		"nil":              {wantErr: "no place of the secret is given"},
	} {
		got, err := c.secret.Resolve(t.Context(), env, readFile, run)
		message := ""
		if err != nil {
			message = err.Error()
		}
		if got != c.want || message != c.wantErr {
			t.Errorf("%s: got %q and error %q, want %q and %q", name, got, message, c.want, c.wantErr)
		}
	}
}

func TestCheckAuthPass(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", "k8sVip51", "ABCdef09"} {
		if err := CheckAuthPass(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		"":            "is empty",
		"k8sVip511":   "has 9 characters",
		"a#b":         "begins a comment",
		"a!b":         "begins a comment",
		"a b":         "letters and digits only",
		"pass\n":      "letters and digits only",
		"p\u00e4ss":   "letters and digits only",
		"a\"b":        "letters and digits only",
		"password123": "has 11 characters",
	} {
		err := CheckAuthPass(bad)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", bad, err, want)
		} else if bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: the message has the secret: %v", bad, err)
		}
	}
}
