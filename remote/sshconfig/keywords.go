package sshconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kplb/kplb/remote/failure"
)

// treatment is what becomes of a keyword of ssh_config(5) here. The documentation has
// the same table, with the reasons.
type treatment int

const (
	done     treatment = iota + 1 // as ssh does it, by us or by ssh -G
	harmless                      // it changes neither who is trusted, nor which key is used, nor how a host is reached; or we are stricter
	refused                       // by name; see refusals
)

func (t treatment) String() string { return [...]string{"", "done", "harmless", "refused"}[t] }

// keywords are those that OpenSSH 10 knows, and those of distributions' patches.
var keywords = tabulate(map[treatment]string{
	done: `AddressFamily BatchMode BindAddress CASignatureAlgorithms CanonicalDomains CanonicalizeFallbackLocal
		CanonicalizeHostname CanonicalizeMaxDots CanonicalizePermittedCNAMEs CertificateFile CheckHostIP Ciphers
		GlobalKnownHostsFile Host HostKeyAlgorithms HostKeyAlias Hostname IdentitiesOnly IdentityAgent IdentityFile
		IgnoreUnknown Include KbdInteractiveAuthentication KexAlgorithms MACs Match NumberOfPasswordPrompts
		PasswordAuthentication Port ProxyCommand ProxyJump PubkeyAcceptedAlgorithms
		RefuseConnection RequiredRSASize RevokedHostKeys Tag User UserKnownHostsFile`,
	harmless: `AddKeysToAgent ChannelTimeout ClearAllForwardings Compression ConnectTimeout ConnectionAttempts
		ControlMaster ControlPath ControlPersist DynamicForward EnableEscapeCommandline EnableSSHKeysign EscapeChar
		ExitOnForwardFailure FingerprintHash ForkAfterAuthentication ForwardAgent ForwardX11 ForwardX11Timeout
		ForwardX11Trusted GatewayPorts GSSAPIAuthentication GSSAPIClientIdentity GSSAPIDelegateCredentials
		GSSAPIKexAlgorithms GSSAPIKeyExchange GSSAPIRenewalForcesRekey GSSAPIServerIdentity GSSAPITrustDns
		HashKnownHosts HostbasedAcceptedAlgorithms HostbasedAuthentication IPQoS
		KbdInteractiveDevices LocalCommand LocalForward LogLevel LogVerbose NoHostAuthenticationForLocalhost
		ObscureKeystrokeTiming PermitLocalCommand PermitRemoteOpen
		RekeyLimit RemoteCommand RemoteForward RequestTTY SecurityKeyProvider SendEnv ServerAliveCountMax
		ServerAliveInterval SessionType SetEnv StdinNull StreamLocalBindMask StreamLocalBindUnlink
		StrictHostKeyChecking SyslogFacility TCPKeepAlive Tunnel TunnelDevice UpdateHostKeys UseKeychain
		VerifyHostKeyDNS VersionAddendum VisualHostKey WarnWeakCrypto XAuthLocation`,
	refused: `BindInterface KnownHostsCommand PKCS11Provider PreferredAuthentications ProxyUseFdpass PubkeyAuthentication`,
})

// keyword is one of ssh_config's.
type keyword struct {
	name      string // as ssh_config(5) writes it
	treatment treatment
}

// tabulate goes by lower-cased names, as ssh -G prints them.
func tabulate(names map[treatment]string) map[string]keyword {
	table := map[string]keyword{}
	for treatment, names := range names {
		for name := range strings.FieldsSeq(names) {
			table[strings.ToLower(name)] = keyword{name, treatment}
		}
	}
	return table
}

// Keywords says of each keyword that is known what becomes of it: done, harmless or refused. docs/ssh.md has the same table.
func Keywords() map[string]string {
	table := map[string]string{}
	for _, k := range keywords {
		table[k.name] = k.treatment.String()
	}
	return table
}

func keywordName(lower string) string {
	if k, ok := keywords[lower]; ok {
		return k.name
	}
	return lower
}

// refusals say which value of a refused keyword is one that we cannot do, and what
// to do instead.
var refusals = map[string]struct {
	bad  func(value string) bool
	hint string
}{
	"bindinterface":     {isSet, "give the interface's address: BindAddress"},
	"knownhostscommand": {isSet, "write what the command prints into a file: UserKnownHostsFile, or --known-hosts FILE"},
	"pkcs11provider":    {isSet, "let ssh-agent use the token, ssh-add -s PROVIDER, and set PKCS11Provider none"},
	"preferredauthentications": {func(value string) bool {
		return value != "" && !slices.Contains(strings.Split(value, ","), "publickey")
	}, "kplb logs in with keys: add publickey"},
	"proxyusefdpass":       {isOn, "use a ProxyCommand that carries the data itself, and ProxyUseFdpass no"},
	"pubkeyauthentication": {func(value string) bool { return value == "no" || value == "false" }, "kplb logs in with keys: PubkeyAuthentication yes"},
}

func isSet(value string) bool { return value != "" && value != "none" }
func isOn(value string) bool  { return value == "yes" || value == "true" }

// refuse gives an error if a file asks for what we cannot do, or for what we do not
// know. ownKnownHosts: the caller says who is trusted, whatever the files say.
func (a *asker) refuse(ownKnownHosts bool) error {
	for _, key := range slices.Sorted(maps.Keys(a.settings)) {
		value := strings.Join(a.settings[key], " ")
		known, ok := keywords[key]
		switch {
		case !ok && a.written(key):
			return refusal(key, value, "update kplb, or do without the file: --ssh-config none")
		case known.treatment != refused, key == "knownhostscommand" && ownKnownHosts:
		case refusals[key].bad(value):
			return refusal(known.name, value, refusals[key].hint)
		}
	}
	return nil
}

func refusal(name, value, hint string) error {
	return failure.WithHint(fmt.Errorf("%w: ssh_config gives it %s %s, which kplb does not do", failure.ErrTarget, name, failure.Clean(value)), hint)
}
