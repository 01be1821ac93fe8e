// Package workstation is the operator's own machine: the settings, the files that they
// name, the sources of secrets, and the kubeconfigs that kubectl uses here.
//
// The package guarantees that a setting means the same as a flag, a variable and a line
// of the settings file, that a kubeconfig is replaced whole and with its mode, and that
// it is kept as it was before the first time.
package workstation

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// Settings are the operator's, never the cluster's: flag, then KPLB_*
// variable, then settings file, then default. No other file knows viper.
type Settings struct {
	Inventory      string        // file
	Templates      string        // directory; empty: the built-in ones alone
	SSHUser        string        // where the inventory names none
	KnownHosts     []string      // files; empty: ssh's own
	AcceptNewKeys  bool          // record the keys of hosts that are not known yet
	SSHConfig      string        // file; empty: ~/.ssh/config; none: read none
	AskSudoPass    bool          // ask for the sudo password on the nodes
	ConnectTimeout time.Duration // for each node, above 0
	Color          string        // auto, always or never
}

// settingsFlag names the file, so it cannot be in it.
const settingsFlag = "settings"

// AddFlags gives every command the flags that it shares with all others.
func (s *Settings) AddFlags(f *pflag.FlagSet) {
	f.StringP("inventory", "i", "", "the inventory `FILE` of the cluster")
	f.String("templates", "", "a `DIR` of templates in place of built-in ones")
	f.String(settingsFlag, "", "a YAML `FILE` with defaults for flags")
	f.String("color", "auto", "auto, always or never")
}

// AddSSHFlags gives a command that goes to the nodes the flags for that.
func (s *Settings) AddSSHFlags(f *pflag.FlagSet) {
	f.String("ssh-user", "", "log in as this `USER` where the inventory names none")
	f.String("ssh-config", "", "ssh_config `FILE` to read instead of ~/.ssh/config; none: read none")
	f.StringSlice("known-hosts", nil, "known_hosts `FILES` (default ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts)")
	f.Bool("accept-new-host-keys", false, "record the keys of hosts that are not known yet, and say so;\nchanged keys are refused all the same")
	f.Bool("ask-sudo-pass", false, "ask for the sudo password on the nodes")
	f.Duration("connect-timeout", defaultConnectTimeout, "how long connecting to a node may take")
}

const defaultConnectTimeout = 10 * time.Second

// names are the settings that a settings file may have.
func (s *Settings) names() *pflag.FlagSet {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.AddFlags(all)
	s.AddSSHFlags(all)
	return all
}

// Load reads the settings of the command whose flags, parsed, these are. An error is
// the operator's: a value that is none, or a settings file that cannot be read.
func (s *Settings) Load(flags *pflag.FlagSet) error {
	v := viper.NewWithOptions(viper.KeyDelimiter("\x00"))
	v.SetEnvPrefix("KPLB")
	v.SetEnvKeyReplacer(strings.NewReplacer("-", "_"))
	v.AutomaticEnv()
	if err := v.BindPFlags(flags); err != nil {
		return err
	}
	v.SetDefault("connect-timeout", defaultConnectTimeout)
	v.SetDefault("color", "auto")
	known := s.names()
	if err := readSettings(v, known); err != nil {
		return err
	}
	if err := fill(flags, known, v); err != nil {
		return err
	}
	*s = Settings{
		Inventory:      v.GetString("inventory"),
		Templates:      v.GetString("templates"),
		SSHUser:        v.GetString("ssh-user"),
		KnownHosts:     v.GetStringSlice("known-hosts"),
		AcceptNewKeys:  v.GetBool("accept-new-host-keys"),
		SSHConfig:      v.GetString("ssh-config"),
		AskSudoPass:    v.GetBool("ask-sudo-pass"),
		ConnectTimeout: v.GetDuration("connect-timeout"),
		Color:          v.GetString("color"),
	}
	return s.check()
}

// fill gives the flags that are not on the command line what viper found for
// them, and the flags parse it: viper's own getters make 0 of what they do not
// understand, 5ns of 5, and one word of a,b.
func fill(flags, known *pflag.FlagSet, v *viper.Viper) error {
	var errs []error
	known.VisitAll(func(k *pflag.Flag) {
		f := flags.Lookup(k.Name)
		if f == nil || f.Changed || !v.IsSet(k.Name) {
			return
		}
		if err := fillOne(f, v.Get(k.Name)); err != nil {
			errs = append(errs, fmt.Errorf("setting %s: %w", k.Name, err))
		}
		f.Changed = true
	})
	return errors.Join(errs...)
}

func fillOne(f *pflag.Flag, value any) error {
	switch value := value.(type) {
	case string, bool, int, float64, time.Duration:
		return f.Value.Set(fmt.Sprint(value))
	case []any:
		list, ok := f.Value.(pflag.SliceValue)
		if !ok {
			return errors.New("a list is not a value for it")
		}
		words := make([]string, len(value))
		for i := range value {
			words[i] = fmt.Sprint(value[i])
		}
		return list.Replace(words)
	}
	return fmt.Errorf("%v is not a value for it", value)
}

func (s *Settings) check() error {
	if s.ConnectTimeout <= 0 {
		return errors.New("connect-timeout must be a time above 0, such as 10s")
	}
	if !slices.Contains([]string{"auto", "always", "never"}, s.Color) {
		return fmt.Errorf("color must be auto, always or never, not %q", s.Color)
	}
	return nil
}

func readSettings(v *viper.Viper, known *pflag.FlagSet) error {
	file := v.GetString(settingsFlag)
	if file == "" {
		return nil
	}
	v.SetConfigFile(file)
	v.SetConfigType("yaml")
	if err := v.ReadInConfig(); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	for _, key := range slices.Sorted(maps.Keys(v.AllSettings())) { // the same one is named each time
		if v.InConfig(key) && (key == settingsFlag || known.Lookup(key) == nil) {
			return fmt.Errorf("settings: %s: %q is not a setting", file, key)
		}
	}
	return nil
}
