package render

import (
	"bytes"
	"regexp"
	"strings"
)

// VRRPAuth is the name of the secret that keepalived.conf may hold.
const VRRPAuth = "vrrp-auth"

// placeholder stands for a secret in everything that is rendered. The braces
// keep it from ever being a valid auth_pass by accident.
func placeholder(name string) []byte { return []byte("{kplb-secret:" + name + "}") }

// Secrets are values by name, for the nodes only.
type Secrets map[string]string

// Fill puts the secrets in place of their placeholders. Only what goes to a
// node is filled.
func (s Secrets) Fill(a Artifact) Artifact {
	content := a.Content
	for name, value := range s {
		content = bytes.ReplaceAll(content, placeholder(name), []byte(value))
	}
	if !bytes.Equal(content, a.Content) {
		a.Content = restamp(content)
	}
	return a
}

// Blank takes the values out of text that people are about to see.
func (s Secrets) Blank(text string) string {
	for _, value := range s {
		text = strings.ReplaceAll(text, value, "<secret>")
	}
	return text
}

// secretForms find secrets in files that kplb did not write, by the keyword
// before them: anywhere in a line, since what is commented out may still be in
// use elsewhere.
var secretForms = []*regexp.Regexp{
	regexp.MustCompile(`(?m)(\bauth_(?:pass|hmac)\b[ \t]*).+$`),
	regexp.MustCompile(`(?m)(\bstats[ \t]+auth\b[ \t]*).+$`),
	regexp.MustCompile(`(?m)(\bpassword[ \t]+).+$`),             // of HAProxy's userlists, keepalived's SSL
	regexp.MustCompile(`(?mi)(authorization["']?[: \t\\]+).+$`), // a header in a check or a rule
}

// Redact blanks every secret in text that people are about to see.
func Redact(content []byte) []byte {
	for _, form := range secretForms {
		content = form.ReplaceAll(content, []byte("${1}<secret>"))
	}
	return content
}
