// Command kplb keeps one address of a Kubernetes control plane up.
package main

import (
	"os"

	"github.com/kplb/kplb/cmd"
)

func main() {
	os.Exit(cmd.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
