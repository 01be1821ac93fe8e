package remote_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// TestMain lets the test binary be ssh's ProxyCommand, so that ssh can reach a test's server under any name and port.
func TestMain(m *testing.M) {
	if address := os.Getenv("KPLB_TEST_PROXY"); address != "" {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			os.Exit(1)
		}
		go func() { _, _ = io.Copy(conn, os.Stdin) }()
		_, _ = io.Copy(os.Stdout, conn)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// keys are the ones that the known_hosts cases speak of.
type keys struct {
	ed, ed2, ec, rsa, ca, ca2 ssh.Signer
}

func newKeys(t *testing.T) keys {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err1 := ssh.NewSignerFromKey(ec)
	rsaKey, err2 := ssh.NewSignerFromKey(r)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return keys{ed: remotetest.NewKey(t), ed2: remotetest.NewKey(t), ec: ecKey, rsa: rsaKey, ca: remotetest.NewKey(t), ca2: remotetest.NewKey(t)}
}

func line(hosts string, key ssh.Signer) string {
	return hosts + " " + string(ssh.MarshalAuthorizedKey(key.PublicKey()))
}

func hashed(host string) string {
	salt := []byte("01234567890123456789")
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(host))
	return "|1|" + base64.StdEncoding.EncodeToString(salt) + "|" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// certificate signs key; the zero template is a good host certificate for the name n1.
func certificate(t *testing.T, key, ca ssh.Signer, change func(*ssh.Certificate)) ssh.Signer {
	t.Helper()
	cert := &ssh.Certificate{
		Key: key.PublicKey(), CertType: ssh.HostCert, KeyId: "n1", ValidPrincipals: []string{"n1"},
		ValidAfter: uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	if change != nil {
		change(cert)
	}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewCertSigner(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

type knownCase struct {
	name  string
	host  string // default n1
	port  int    // default 22
	shown []ssh.Signer
	file  string
	want  error // nil: accepted
}

func knownCases(t *testing.T) []knownCase {
	k := newKeys(t)
	ed, all := []ssh.Signer{k.ed}, []ssh.Signer{k.ed, k.ec, k.rsa}
	cert := func(change func(*ssh.Certificate)) []ssh.Signer {
		return []ssh.Signer{certificate(t, k.ed, k.ca, change)}
	}
	ca := line("@cert-authority n1", k.ca)
	unknown, changed, revoked := remote.ErrHostKeyUnknown, remote.ErrHostKeyChanged, remote.ErrHostKeyRevoked
	return []knownCase{
		{name: "empty", shown: ed, want: unknown},
		{name: "plain", shown: ed, file: line("n1", k.ed)},
		{name: "no newline at the end", shown: ed, file: strings.TrimSpace(line("n1", k.ed))},
		{name: "windows line ends", shown: ed, file: strings.ReplaceAll(line("n1", k.ed), "\n", "\r\n")},
		{name: "list of names", shown: ed, file: line("n0,n1,10.0.0.1", k.ed)},
		{name: "upper case in file", shown: ed, file: line("N1", k.ed)},
		{name: "upper case asked", host: "N1", shown: ed, file: line("n1", k.ed)},
		{name: "upper case asked, hashed", host: "N1", shown: ed, file: line(hashed("n1"), k.ed)},
		{name: "upper case hashed", shown: ed, file: line(hashed("N1"), k.ed), want: unknown},
		{name: "other host", shown: ed, file: line("n2", k.ed), want: unknown},
		{name: "prefix of name", shown: ed, file: line("n", k.ed) + line("n11", k.ed), want: unknown},
		{name: "other key", shown: ed, file: line("n1", k.ed2), want: changed},
		{name: "other type", shown: ed, file: line("n1", k.rsa), want: changed},
		{name: "recorded with rsa, shows all", shown: all, file: line("n1", k.rsa)},
		{name: "recorded with ecdsa, shows all", shown: all, file: line("n1", k.ec)},
		{name: "recorded with all", shown: all, file: line("n1", k.rsa) + line("n1", k.ec) + line("n1", k.ed)},
		{name: "old key beside the new", shown: ed, file: line("n1", k.ed2) + line("n1", k.ed)},
		{name: "rsa recorded, ed25519 changed", shown: all, file: line("n1", k.rsa) + line("n1", k.ed2), want: changed},
		{name: "hashed", shown: ed, file: line(hashed("n1"), k.ed)},
		{name: "hashed other key", shown: ed, file: line(hashed("n1"), k.ed2), want: changed},
		{name: "hash of another kind", shown: ed, file: line(strings.Replace(hashed("n1"), "|1|", "|2|", 1), k.ed), want: unknown},
		{name: "hash broken", shown: ed, file: line("|1|x", k.ed) + line("n1", k.ed)},
		{name: "comment, blank, indent", shown: ed, file: "# n1\n\n \t" + line("n1", k.ed)},
		{name: "comment at the end of line", shown: ed, file: strings.TrimSpace(line("n1", k.ed)) + " root@n1 # x\n"},
		{name: "tabs", shown: ed, file: strings.ReplaceAll(line("n1", k.ed), " ", "\t")},
		{name: "bad line before", shown: ed, file: "n1 ssh-ed25519 AAAA\n" + line("n1", k.ed)},
		{name: "garbage before", shown: ed, file: "\x00\x01 nonsense\n@what is this\n" + line("n1", k.ed)},
		{name: "type does not fit key", shown: ed, file: strings.Replace(line("n1", k.ed), "ssh-ed25519", "ssh-rsa", 1), want: unknown},

		{name: "port", port: 2222, shown: ed, file: line("[n1]:2222", k.ed)},
		{name: "port hashed", port: 2222, shown: ed, file: line(hashed("[n1]:2222"), k.ed)},
		{name: "port, file has none", port: 2222, shown: ed, file: line("n1", k.ed)},
		{name: "port, file has none, hashed", port: 2222, shown: ed, file: line(hashed("n1"), k.ed)},
		{name: "port, file has none, other key", port: 2222, shown: ed, file: line("n1", k.ed2), want: unknown},
		{name: "port, file has another", port: 2222, shown: ed, file: line("[n1]:2223", k.ed), want: unknown},
		{name: "port, other key; without port the right one", port: 2222, shown: ed, file: line("[n1]:2222", k.ed2) + line("n1", k.ed), want: changed},
		{name: "port, without it rsa, shows all", port: 2222, shown: all, file: line("n1", k.rsa), want: unknown},
		{name: "no port, file has 22", shown: ed, file: line("[n1]:22", k.ed), want: unknown},
		{name: "no port, file has one", shown: ed, file: line("[n1]:2222", k.ed), want: unknown},

		{name: "star", shown: ed, file: line("*", k.ed)},
		{name: "star with port", port: 2222, shown: ed, file: line("*", k.ed)},
		{name: "suffix star, port", port: 2222, host: "n1.example.com", shown: ed, file: line("*.example.com", k.ed)},
		{name: "suffix star, port, other key", port: 2222, host: "n1.example.com", shown: ed, file: line("*.example.com", k.ed2), want: unknown},
		{name: "bracket star port", port: 2222, shown: ed, file: line("[*]:2222", k.ed)},
		{name: "question mark", shown: ed, file: line("n?", k.ed)},
		{name: "question mark is one", host: "n11", shown: ed, file: line("n?", k.ed), want: unknown},
		{name: "star, negated", shown: ed, file: line("*,!n1", k.ed), want: unknown},
		{name: "negated first", shown: ed, file: line("!n1,*", k.ed), want: unknown},
		{name: "only negated", shown: ed, file: line("!n2", k.ed), want: unknown},
		{name: "negated other", shown: ed, file: line("n*,!n2", k.ed)},
		{name: "negation is no conflict", shown: ed, file: line("n*,!n1", k.ed2) + line("n1", k.ed)},
		{name: "bracket is no class", shown: ed, file: line("n[12]", k.ed), want: unknown},

		{name: "ipv4", host: "10.1.1.1", shown: ed, file: line("10.1.1.1", k.ed)},
		{name: "ipv4 pattern", host: "10.1.1.1", shown: ed, file: line("10.1.*", k.ed)},
		{name: "ipv6", host: "fd00::1", shown: ed, file: line("fd00::1", k.ed)},
		{name: "ipv6 port", host: "fd00::1", port: 2222, shown: ed, file: line("[fd00::1]:2222", k.ed)},
		{name: "ipv6 written differently", host: "fd00::1", shown: ed, file: line("fd00:0::1", k.ed), want: unknown},

		{name: "revoked", shown: ed, file: line("@revoked n1", k.ed), want: revoked},
		{name: "revoked everywhere", shown: ed, file: line("n1", k.ed) + line("@revoked *", k.ed), want: revoked},
		{name: "revoked before", shown: ed, file: line("@revoked *", k.ed) + line("n1", k.ed), want: revoked},
		{name: "revoked elsewhere", shown: ed, file: line("n1", k.ed) + line("@revoked n2", k.ed)},
		{name: "another revoked", shown: ed, file: line("n1", k.ed) + line("@revoked *", k.ed2)},
		{name: "revoked without port", port: 2222, shown: ed, file: line("@revoked n1", k.ed), want: revoked},
		{name: "two markers", shown: ed, file: line("@revoked @cert-authority n1", k.ed), want: unknown},
		{name: "unknown marker", shown: ed, file: line("@trusted n1", k.ed), want: unknown},

		{name: "ca", shown: cert(nil), file: ca},
		{name: "ca and plain key shown", shown: append(cert(nil), all...), file: ca},
		{name: "ca only, plain key shown", shown: ed, file: ca, want: unknown},
		{name: "ca's own key shown", shown: []ssh.Signer{k.ca}, file: ca, want: unknown},
		{name: "ca recorded as plain key", shown: cert(nil), file: line("n1", k.ca), want: changed},
		{name: "ca with star", shown: cert(nil), file: line("@cert-authority *", k.ca)},
		{name: "ca hashed", shown: cert(nil), file: line("@cert-authority "+hashed("n1"), k.ca)},
		{name: "ca for another host", shown: cert(nil), file: line("@cert-authority n2", k.ca), want: unknown},
		{name: "ca port", port: 2222, shown: cert(nil), file: line("@cert-authority [n1]:2222", k.ca)},
		{name: "ca without port", port: 2222, shown: cert(nil), file: ca},
		{name: "other ca", shown: cert(nil), file: line("@cert-authority n1", k.ca2), want: unknown},
		{name: "two cas", shown: cert(nil), file: line("@cert-authority n1", k.ca2) + ca},
		{name: "cert, plain key recorded", shown: cert(nil), file: line("n1", k.ed)},
		{name: "cert of other ca, plain key recorded", shown: cert(nil), file: line("@cert-authority n1", k.ca2) + line("n1", k.ed)},
		{name: "cert, other plain key recorded", shown: cert(nil), file: line("n1", k.ed2), want: changed},
		{name: "cert expired", shown: cert(func(c *ssh.Certificate) { c.ValidBefore = uint64(time.Now().Unix() - 60) }), file: ca, want: unknown},
		{name: "cert expired, plain key recorded", shown: cert(func(c *ssh.Certificate) { c.ValidBefore = uint64(time.Now().Unix() - 60) }), file: ca + line("n1", k.ed)},
		{name: "cert not valid yet", shown: cert(func(c *ssh.Certificate) { c.ValidAfter = uint64(time.Now().Unix() + 600) }), file: ca, want: unknown},
		{name: "cert for another name", shown: cert(func(c *ssh.Certificate) { c.ValidPrincipals = []string{"n2"} }), file: ca, want: unknown},
		{name: "cert for several names", shown: cert(func(c *ssh.Certificate) { c.ValidPrincipals = []string{"n2", "n1"} }), file: ca},
		{name: "cert for a pattern", shown: cert(func(c *ssh.Certificate) { c.ValidPrincipals = []string{"n*"} }), file: ca, want: unknown},
		{name: "cert for no name", shown: cert(func(c *ssh.Certificate) { c.ValidPrincipals = nil }), file: ca},
		{name: "cert for a user", shown: cert(func(c *ssh.Certificate) { c.CertType = ssh.UserCert }), file: ca, want: unknown},
		{name: "cert with an option", shown: cert(func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"x": "y"} }), file: ca, want: unknown},
		{name: "ca revoked", shown: cert(nil), file: ca + line("@revoked *", k.ca), want: revoked},
		{name: "certified key revoked", shown: cert(nil), file: ca + line("@revoked *", k.ed), want: revoked},
		{name: "ca, rsa recorded, shows all", shown: append(cert(nil), all...), file: ca + line("n1", k.rsa)},
	}
}

// TestKnownHostsLikeOpenSSH asks ssh and Dial the same questions.
func TestKnownHostsLikeOpenSSH(t *testing.T) {
	_, noSSH := exec.LookPath("ssh")
	cases := knownCases(t)
	if len(cases) < 80 {
		t.Fatal("cases are missing")
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			checkKnownCase(t, c, noSSH == nil)
		})
	}
}

func checkKnownCase(t *testing.T, c knownCase, askSSH bool) {
	if c.host == "" {
		c.host = "n1"
	}
	if c.port == 0 {
		c.port = 22
	}
	s := remotetest.NewServer(t, remotetest.Options{HostKeys: c.shown, Exec: func(context.Context, *remotetest.Exec) int { return 0 }})
	jump := remotetest.NewServer(t, remotetest.Options{Forward: func(string) string { return s.Addr() }})
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(c.file), 0o600); err != nil {
		t.Fatal(err)
	}
	target := s.Target()
	target.Host, target.Port = c.host, uint16(c.port)
	target.ProxyJump = []string{"root@" + jump.Addr()}
	err := dialOver(t, jump, s, target, file)
	if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
		t.Errorf("kplb says %v, want %v", err, c.want)
	}
	if askSSH {
		said, accepted := opensshAccepts(t, s, c, file)
		if accepted != (c.want == nil) {
			t.Errorf("ssh accepts: %v, want %v\n%s", accepted, c.want == nil, said)
		}
	}
}

func dialOver(t *testing.T, jump, s *remotetest.Server, target remote.Target, file string) error {
	t.Helper()
	target.IdentityFiles = append(target.IdentityFiles, jump.Target().IdentityFiles...)
	opts := s.Options()
	opts.KnownHosts = []string{file, jump.KnownHosts()}
	h, err := remote.Dial(t.Context(), target, opts)
	if err == nil {
		_ = h.Close()
	}
	return err
}

func opensshAccepts(t *testing.T, s *remotetest.Server, c knownCase, file string) (string, bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ssh", "-F", "/dev/null", "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile="+file,
		"-o", "GlobalKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "-o", "IdentityAgent=none", "-o", "IdentitiesOnly=yes",
		"-o", "UpdateHostKeys=no", "-o", "ProxyCommand="+self, "-i", s.Target().IdentityFiles[0], "-p", strconv.Itoa(c.port), "-l", "root", "--", c.host, "true")
	cmd.Env = append(os.Environ(), "KPLB_TEST_PROXY="+s.Addr())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err = cmd.Run()
	return stderr.String(), err == nil
}
