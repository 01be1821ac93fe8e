package remote

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/melbahja/goph"
	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote/knownhost"
)

// identity is what an IdentityFile is good for: it holds a private key, or names
// one of the agent's by its public half.
type identity struct {
	file   string
	public ssh.PublicKey
	signer ssh.Signer // of the private key; nil: the agent has it, or nobody
	cert   ssh.Signer // with the certificate beside it, if it is to be used
}

func (id identity) is(key ssh.PublicKey) bool {
	return id.public != nil && knownhost.SameKey(id.public, key)
}

// inFiles are the keys that can be used without the agent, each before its certificate.
func inFiles(identities []identity) []ssh.Signer {
	var signers []ssh.Signer
	for _, id := range identities {
		if id.signer != nil {
			signers = append(signers, id.signer)
		}
		if id.cert != nil {
			signers = append(signers, id.cert)
		}
	}
	return signers
}

// identities reads files. One that is of no use is told about, if somebody named it
// or if it is there.
func (k *keyring) identities(files []string, fromAgent []ssh.Signer, wanted bool) []identity {
	var found []identity
	for _, file := range files {
		id, why := k.identity(file)
		if len(k.hop.Certificates) == 0 {
			id.cert = certSigner(file+"-cert.pub", append(inFiles([]identity{id}), fromAgent...))
		}
		switch {
		case id.signer != nil, id.cert != nil, id.public != nil && signerOf(id.public, fromAgent) != nil:
			found = append(found, id)
		case wanted, !errors.Is(why, fs.ErrNotExist):
			k.skip(file, why.Error())
		}
	}
	return found
}

// identity reads one file, and says why its private key cannot be used, if so.
func (k *keyring) identity(file string) (identity, error) {
	id := identity{file: file, public: readPublic(file + ".pub")}
	data, err := os.ReadFile(file)
	if err != nil {
		err = missing{lastCause(err), errors.Is(err, fs.ErrNotExist) && id.public == nil}
		if id.public != nil {
			err = fmt.Errorf("%w; ssh-agent does not hold the key of %s", err, file+".pub")
		}
		return id, err
	}
	if public := parsePublic(data); public != nil {
		id.public = public
		return id, errors.New("it is a public key, and ssh-agent does not hold its private half")
	}
	signer, err := goph.GetSignerForRawKey(data, "")
	var locked *ssh.PassphraseMissingError
	switch {
	case err == nil:
		id.public = signer.PublicKey()
	case errors.As(err, &locked) && locked.PublicKey != nil:
		id.public = locked.PublicKey
	}
	if mode := readableByOthers(file); mode != 0 {
		return id, fmt.Errorf("others may read it, its mode is %04o, so ssh does not use it: chmod 600 %s", mode, shellWord(file))
	}
	if err == nil {
		id.signer = named{signer, file}
		return id, nil
	}
	return k.unlockable(id, data, err)
}

// unlockable makes an identity of a file that cannot be read as it is.
func (k *keyring) unlockable(id identity, data []byte, err error) (identity, error) {
	var locked *ssh.PassphraseMissingError
	switch {
	case id.public != nil && strings.HasPrefix(id.public.Type(), "sk-"):
		return id, fmt.Errorf("its key is on a security key, which ssh-agent has to use: ssh-add %s", shellWord(id.file))
	case !errors.As(err, &locked):
		return id, errors.New("it cannot be used: " + strings.TrimPrefix(err.Error(), "ssh: "))
	case k.passphrase == nil:
		return id, errors.New("it is encrypted and its passphrase cannot be asked for")
	case id.public == nil:
		return id, fmt.Errorf("it is encrypted in an old format; put its public key beside it: ssh-keygen -y -f %s > %s", shellWord(id.file), shellWord(id.file+".pub"))
	}
	id.signer = &slowSigner{named: named{lockedSigner{id.public}, id.file}, ring: k, unlock: func() (ssh.Signer, error) { return k.decrypt(id.file, data) }}
	return id, nil
}

func (k *keyring) decrypt(file string, data []byte) (ssh.Signer, error) {
	passphrase, err := k.ask(file)
	if err != nil {
		return nil, err
	}
	signer, err := goph.GetSignerForRawKey(data, string(passphrase))
	if err != nil {
		return nil, errors.New("wrong passphrase")
	}
	return signer, nil
}

// readableByOthers gives the mode of a private key that ssh would not use; 0: it
// would. A file of somebody else is not ours to judge.
func readableByOthers(file string) fs.FileMode {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) != os.Getuid() || info.Mode()&0o077 == 0 {
		return 0
	}
	return info.Mode().Perm()
}

func readPublic(file string) ssh.PublicKey {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return parsePublic(data)
}

func parsePublic(data []byte) ssh.PublicKey {
	key, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		return nil
	}
	return key
}

// missing is a file that cannot be read, with the last cause alone.
type missing struct {
	text    string
	nothing bool // it is not there, and nothing is beside it
}

func (m missing) Error() string { return m.text }

func (m missing) Is(target error) bool { return m.nothing && target == fs.ErrNotExist }
