//go:build !linux

package remote

import "net"

func quickAck(conn net.Conn) net.Conn { return conn }
