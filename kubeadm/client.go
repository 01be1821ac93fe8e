package kubeadm

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Client returns the certificate and the key of the user of the current
// context. Both must be in the file itself. No error shows what is in them.
func Client(source []byte) (certificatePEM, keyPEM []byte, err error) {
	d, err := read(source)
	if err != nil {
		return nil, nil, err
	}
	current, err := text(d.root, "current-context")
	if err != nil {
		return nil, nil, err
	}
	if current == "" {
		return nil, nil, errors.New("has no current-context")
	}
	context, err := find(d.root, "contexts", "context", current)
	if err != nil {
		return nil, nil, err
	}
	name, err := text(context.body, "user")
	if err != nil {
		return nil, nil, err
	}
	user, err := find(d.root, "users", "user", name)
	if err != nil {
		return nil, nil, err
	}
	if certificatePEM, err = user.data("client-certificate-data", "CERTIFICATE"); err != nil {
		return nil, nil, err
	}
	if keyPEM, err = user.data("client-key-data", "PRIVATE KEY"); err != nil {
		return nil, nil, err
	}
	return certificatePEM, keyPEM, nil
}

// data returns the PEM at a key, which begins with something of a kind.
func (n named) data(key, kind string) ([]byte, error) {
	written, err := text(n.body, key)
	if err != nil {
		return nil, err
	}
	if written == "" {
		return nil, fmt.Errorf("line %d: user %q has no %s", n.line, n.name, key)
	}
	data, err := base64.StdEncoding.DecodeString(written)
	if err != nil { // whose text would say what stands there
		return nil, fmt.Errorf("line %d: user %q has %s that is not base64", n.line, n.name, key)
	}
	if block, _ := pem.Decode(data); block == nil || !strings.HasSuffix(block.Type, kind) {
		return nil, fmt.Errorf("line %d: user %q has no %s in its %s", n.line, n.name, strings.ToLower(kind), key)
	}
	return data, nil
}
