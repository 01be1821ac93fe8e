package remote_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// further is what a server wants besides a key.
func further(next ssh.ServerAuthCallbacks) func(*ssh.ServerConfig) {
	return func(c *ssh.ServerConfig) {
		key := c.PublicKeyCallback
		c.PublicKeyCallback = func(meta ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
			if _, err := key(meta, offered); err != nil {
				return nil, err
			}
			return nil, &ssh.PartialSuccessError{Next: next}
		}
	}
}

// asks is a server's question.
func asks(instruction, question, answer string) func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
	return func(_ ssh.ConnMetadata, challenge ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		got, err := challenge("", instruction, []string{question}, []bool{false})
		if err == nil && !slices.Equal(got, []string{answer}) {
			err = errors.New("wrong")
		}
		if _, err2 := challenge("", "", nil, nil); err == nil { // as PAM does
			err = err2
		}
		return &ssh.Permissions{}, err
	}
}

func password(wanted string) func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
	return func(_ ssh.ConnMetadata, got []byte) (*ssh.Permissions, error) {
		if string(got) != wanted {
			return nil, errors.New("wrong")
		}
		return &ssh.Permissions{}, nil
	}
}

func refuseKeys(c *ssh.ServerConfig) {
	c.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, errors.New("no") }
}

// TestLoginErrors: what the host wants and says is told, and no hint suggests what cannot help.
func TestLoginErrors(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	const (
		login   = "node (HOST): login was refused as root: "
		taken   = login + "the key DIR/id was accepted; "
		toAsk   = "run kplb on a terminal, where it can ask; or have the host take keys alone"
		log     = "the host's log says why: journalctl -t sshd"
		rest    = " (a key that is not in the authorized_keys of root, a home that others may write, a user or a type of key that sshd_config does not allow)"
		copyID  = "\nif the key is not in there, and the user may log in with a password: ssh-copy-id -p PORT root@HOST"
		methods = "allow a key alone, or with keyboard-interactive or password: AuthenticationMethods in the host's sshd_config"
	)
	code := ssh.ServerAuthCallbacks{KeyboardInteractiveCallback: asks("Duo for node-2", "Passcode: ", "123456")}
	secret := ssh.ServerAuthCallbacks{PasswordCallback: password("secret")}
	banner := func(text string, more func(*ssh.ServerConfig)) func(*ssh.ServerConfig) {
		return func(c *ssh.ServerConfig) {
			c.BannerCallback = func(ssh.ConnMetadata) string { return text }
			if more != nil {
				more(c)
			}
		}
	}
	tests := []struct {
		name       string
		config     func(*ssh.ServerConfig)
		faults     remotetest.Faults
		answers    []string // "" gives up; nil: nobody can be asked
		asked      string
		want, hint string
		said       string // what the host has said, which must be in the message
	}{
		{name: "key and question, nobody there", config: further(code), want: taken + "the host also wants keyboard-interactive: nobody can be asked; the host says: Duo for node-2", hint: toAsk, said: "Duo for node-2"},
		{name: "key and question", config: further(code), answers: []string{"123456"}, asked: "node: Passcode"},
		{name: "key and question, wrong once", config: further(code), answers: []string{"1", "123456"}, asked: "node: Passcode|node: Passcode"},
		{name: "key and question, always wrong", config: further(code), answers: []string{"1", "2", "3", "4"}, asked: "node: Passcode|node: Passcode|node: Passcode",
			want: taken + "the host also wants keyboard-interactive, and refused the answer; the host says: Duo for node-2 | Duo for node-2 | Duo for node-2", said: "Duo for node-2"},
		{name: "key and question, a person gives up", config: further(code), answers: []string{""}, asked: "node: Passcode",
			want: taken + "the host also wants keyboard-interactive: gave up; the host says: Duo for node-2", said: "Duo for node-2"},
		{name: "key and password, nobody there", config: further(secret), want: taken + "the host also wants password: nobody can be asked", hint: toAsk},
		{name: "key and password", config: further(secret), answers: []string{"secret"}, asked: "node: password of root"},
		{name: "key and password, wrong", config: further(secret), answers: []string{"a", "b", "c"}, asked: "node: password of root|node: password of root|node: password of root",
			want: taken + "the host also wants password, and refused the answer"},
		{name: "key and another key", config: further(ssh.ServerAuthCallbacks{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, errors.New("no") }}),
			want: taken + "the host also wants publickey with another key; tried DIR/id", hint: "name the second key, too (identity file), or load it into ssh-agent"},
		{name: "key and Kerberos", config: further(ssh.ServerAuthCallbacks{GSSAPIWithMICConfig: &ssh.GSSAPIWithMICConfig{AllowLogin: func(ssh.ConnMetadata, string) (*ssh.Permissions, error) { return nil, nil }, Server: noGSSAPI{}}}),
			want: taken + "the host also wants gssapi-with-mic, which kplb cannot do", hint: methods},
		{name: "question and password, no keys", config: func(c *ssh.ServerConfig) {
			c.PublicKeyCallback, c.KeyboardInteractiveCallback = nil, asks("", "Code: ", "1")
		}, want: login + "the host wants keyboard-interactive: nobody can be asked", hint: toAsk},
		{name: "question before the key", config: func(c *ssh.ServerConfig) {
			key := c.PublicKeyCallback
			c.PublicKeyCallback = nil
			c.KeyboardInteractiveCallback = func(meta ssh.ConnMetadata, challenge ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
				if _, err := asks("", "Code: ", "1")(meta, challenge); err != nil {
					return nil, err
				}
				return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{PublicKeyCallback: key}}
			}
		}, answers: []string{"1"}, asked: "node: Code"},
		{name: "key refused", config: refuseKeys, want: login + "tried DIR/id", hint: log + rest},
		{name: "key refused, passwords taken", config: func(c *ssh.ServerConfig) { refuseKeys(c); c.PasswordCallback = password("x") }, answers: []string{"x"},
			want: login + "tried DIR/id", hint: log + rest + copyID},
		{name: "key refused, questions taken", config: func(c *ssh.ServerConfig) { refuseKeys(c); c.KeyboardInteractiveCallback = asks("", "Password: ", "x") }, answers: []string{"x"},
			want: login + "tried DIR/id", hint: log + rest + copyID},
		{name: "key refused, with a banner", config: banner("Authorized use only.\r\n\x1b[31mAll is logged.\r\n", refuseKeys),
			want: login + "tried DIR/id; the host says: Authorized use only. | All is logged.", hint: log + rest, said: "All is logged."},
		{name: "signature refused, with a reason", config: func(c *ssh.ServerConfig) {
			c.VerifiedPublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey, *ssh.Permissions, string) (*ssh.Permissions, error) {
				return nil, &ssh.BannerError{Err: errors.New("no"), Message: "Maintenance until 10:00, call ops\n"}
			}
		}, want: login + "the key DIR/id was accepted, but not its signature; the host says: Maintenance until 10:00, call ops", hint: log, said: "Maintenance until 10:00, call ops"},
		{name: "too many logins", faults: remotetest.Faults{Banner: "Exceeded MaxStartups\r\n"},
			want: "node (HOST): SSH handshake failed: the host hung up before the login; the host says: Exceeded MaxStartups", said: "Exceeded MaxStartups",
			hint: "try again in a moment, or raise MaxStartups in the host's sshd_config"},
		{name: "punished", faults: remotetest.Faults{Banner: "Not allowed at this time\r\n"},
			want: "node (HOST): SSH handshake failed: the host hung up before the login; the host says: Not allowed at this time", said: "Not allowed at this time",
			hint: "wait until sshd has forgiven this address, or exempt it there: PerSourcePenaltyExemptList"},
		{name: "a mail server", faults: remotetest.Faults{Banner: "220 mx ESMTP\r\n"},
			want: "node (HOST): SSH handshake failed: no SSH server answers there; the host says: 220 mx ESMTP", said: "220 mx ESMTP",
			hint: "is the port right?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := remotetest.NewServer(t, remotetest.Options{Config: tt.config, Faults: tt.faults})
			opts := s.Options()
			var asked []string
			if tt.answers != nil {
				opts.Answer = func(_ context.Context, host, question string) ([]byte, error) {
					asked = append(asked, host+": "+question)
					answer := tt.answers[len(asked)-1]
					if answer == "" {
						return nil, errors.New("gave up")
					}
					return []byte(answer), nil
				}
			}
			h, err := remote.Dial(t.Context(), s.Target(), opts)
			if err == nil {
				_ = h.Close()
			}
			if errText(err) != tt.want || mask(remote.Hint(err)) != tt.hint {
				t.Errorf("\n got  %s\n want %s\n hint %s", errText(err), tt.want, mask(remote.Hint(err)))
			}
			if got := strings.Join(asked, "|"); got != tt.asked {
				t.Errorf("asked %q", got)
			}
			checkRules(t, tt.config != nil && strings.Contains(tt.name, "passwords taken") || strings.Contains(tt.name, "questions taken"), tt.said, err)
		})
	}
}

// checkRules states what holds of every login error: the host's own words end it, and ssh-copy-id is suggested only where it can log in.
func checkRules(t *testing.T, canCopy bool, said string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if said != "" && !strings.HasSuffix(errText(err), said) {
		t.Errorf("the message does not end with what the host said: %s", errText(err))
	}
	if strings.Contains(remote.Hint(err), "ssh-copy-id") && !canCopy {
		t.Errorf("ssh-copy-id cannot help: %s", remote.Hint(err))
	}
}

// noGSSAPI is there to be wanted.
type noGSSAPI struct{}

func (noGSSAPI) AcceptSecContext([]byte) ([]byte, string, bool, error) { return nil, "", false, nil }
func (noGSSAPI) VerifyMIC([]byte, []byte) error                        { return errors.New("no") }
func (noGSSAPI) DeleteSecContext() error                               { return nil }

// TestTwoKeys logs in where the host wants two.
func TestTwoKeys(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	file, second := keyFile(t, newPrivate(t))
	s := remotetest.NewServer(t, remotetest.Options{Config: further(ssh.ServerAuthCallbacks{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(key.Marshal(), second.Marshal()) {
			return nil, errors.New("no")
		}
		return &ssh.Permissions{}, nil
	}})})
	target := s.Target()
	target.IdentityFiles = append(target.IdentityFiles, file)
	dial(t, target, s.Options())
}

// TestSlowPersonAtLogin is not counted, and may be interrupted.
func TestSlowPersonAtLogin(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	s := remotetest.NewServer(t, remotetest.Options{Config: further(ssh.ServerAuthCallbacks{KeyboardInteractiveCallback: asks("", "Code: ", "1")})})
	opts := s.Options()
	opts.ConnectTimeout = 500 * time.Millisecond
	opts.Answer = func(context.Context, string, string) ([]byte, error) {
		time.Sleep(time.Second)
		return []byte("1"), nil
	}
	dial(t, s.Target(), opts)
	opts.Answer = func(context.Context, string, string) ([]byte, error) { select {} }
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := remote.Dial(ctx, s.Target(), opts); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
}

// TestSlowLogin names what would have waited longer.
func TestSlowLogin(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	s := remotetest.NewServer(t, remotetest.Options{Faults: remotetest.Faults{Delay: 600 * time.Millisecond}})
	opts := s.Options()
	opts.ConnectTimeout = time.Second
	_, err := remote.Dial(t.Context(), s.Target(), opts)
	if want := "node (HOST): did not answer in time: no login within 1s"; errText(err) != want {
		t.Errorf("got  %s\nwant %s", errText(err), want)
	}
	if want := "is the host overloaded, or a firewall swallowing packets? If it is only slow: --connect-timeout 3s"; remote.Hint(err) != want {
		t.Errorf("hint %s", remote.Hint(err))
	}
	opts.ConnectTimeout = 20 * time.Second
	dial(t, s.Target(), opts)
}

// TestChangedKeyOfItsType: of two recorded keys that line is cited which records the type that the host shows.
func TestChangedKeyOfItsType(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	ed, other := remotetest.NewKey(t), remotetest.NewKey(t)
	for name, lines := range map[string][]ssh.PublicKey{"behind the right one": {ec.PublicKey(), other.PublicKey()}, "before it": {other.PublicKey(), ec.PublicKey()}} {
		t.Run(name, func(t *testing.T) {
			s := remotetest.NewServer(t, remotetest.Options{HostKeys: []ssh.Signer{ed, ec}})
			var text []byte
			cited := 0
			for i, key := range lines {
				text = fmt.Appendf(text, "[127.0.0.1]:%d %s", s.Port(), ssh.MarshalAuthorizedKey(key))
				if key.Type() == "ssh-ed25519" {
					cited = i + 1
				}
			}
			if err := os.WriteFile(s.KnownHosts(), text, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := remote.Dial(t.Context(), s.Target(), s.Options())
			var e *remote.Error
			if !errors.As(err, &e) || e.Key == nil {
				t.Fatal(err)
			}
			if e.Key.Type != "ssh-ed25519" {
				t.Fatalf("it shows %s: the test proves nothing", e.Key.Type)
			}
			if want := fmt.Sprintf("but DIR/known_hosts:%d records ssh-ed25519 ", cited); !errors.Is(err, remote.ErrHostKeyChanged) || !strings.Contains(errText(err), want) {
				t.Errorf("%v\nwant %s", errText(err), want)
			}
		})
	}
}

const alsoWants = "node (HOST): login was refused as root: the key DIR/id was accepted; the host also wants keyboard-interactive"

// questionCases are lines of ssh_config, what kplb says where the host asks, and how often a person was asked.
var questionCases = map[string]struct {
	text  string
	asked int
}{
	"KbdInteractiveAuthentication no":                                  {alsoWants + ", which ssh_config switches off", 0},
	"PreferredAuthentications publickey":                               {alsoWants + ", which ssh_config switches off", 0},
	"BatchMode yes":                                                    {alsoWants + ": nobody can be asked", 0},
	"NumberOfPasswordPrompts 1":                                        {alsoWants + ", and refused the answer", 1},
	"PasswordAuthentication no":                                        {alsoWants + ", and refused the answer", 3},
	"KbdInteractiveAuthentication yes":                                 {alsoWants + ", and refused the answer", 3},
	"PreferredAuthentications password,publickey,keyboard-interactive": {alsoWants + ", and refused the answer", 3},
}

// TestSSHConfigSwitchesOffQuestions: what ssh would not answer is not answered here.
func TestSSHConfigSwitchesOffQuestions(t *testing.T) {
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip(err)
	}
	t.Setenv("SSH_AUTH_SOCK", "")
	for config, want := range questionCases {
		t.Run(config, func(t *testing.T) {
			s := remotetest.NewServer(t, remotetest.Options{Config: further(ssh.ServerAuthCallbacks{KeyboardInteractiveCallback: asks("", "Code: ", "1")})})
			file := filepath.Join(t.TempDir(), "config")
			if err := os.WriteFile(file, []byte(config+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			opts, asked := s.Options(), 0
			opts.SSHConfigFile = file
			opts.Answer = func(context.Context, string, string) ([]byte, error) { asked++; return []byte("2"), nil }
			_, err := remote.Dial(t.Context(), s.Target(), opts)
			if errText(err) != want.text || asked != want.asked {
				t.Errorf("asked %d times\n got  %s\n want %s", asked, errText(err), want.text)
			}
		})
	}
}
