package main

import (
	"bufio"
	"bytes"
	"net"
	"strings"
)

// settings are the flags of a kube-apiserver that the stand-in obeys.
type settings struct {
	bindAddress, securePort     string
	certFile, keyFile           string
	advertiseAddress            string
	permitPortSharing, anonAuth bool
}

// readManifest takes the flags from a static pod manifest by looking at its
// "- --flag=value" lines. Of a flag given twice the last one wins, as in the
// genuine apiserver; one not given has the genuine default.
func readManifest(text []byte) settings {
	flags := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		item, found := strings.CutPrefix(strings.TrimSpace(lines.Text()), "- ")
		if !found {
			continue
		}
		item = strings.Trim(strings.TrimSpace(item), `"'`)
		if name, found := strings.CutPrefix(item, "--"); found {
			name, value, given := strings.Cut(name, "=")
			if !given {
				value = "true"
			}
			flags[name] = strings.Trim(value, `"'`)
		}
	}
	or := func(name, fallback string) string {
		if value, given := flags[name]; given {
			return value
		}
		return fallback
	}
	return settings{
		bindAddress:       or("bind-address", "::"),
		securePort:        or("secure-port", "6443"),
		certFile:          or("tls-cert-file", "/etc/kubernetes/pki/apiserver.crt"),
		keyFile:           or("tls-private-key-file", "/etc/kubernetes/pki/apiserver.key"),
		advertiseAddress:  or("advertise-address", ""),
		permitPortSharing: or("permit-port-sharing", "false") == "true",
		anonAuth:          or("anonymous-auth", "true") == "true",
	}
}

// listenOn gives the address to listen on. The unspecified one becomes a
// wildcard socket, which takes the port on every address: that is what
// collides with a balancer on VIP:6443.
func (s settings) listenOn() string {
	if address := net.ParseIP(s.bindAddress); address != nil && address.IsUnspecified() {
		return ":" + s.securePort
	}
	return net.JoinHostPort(s.bindAddress, s.securePort)
}
