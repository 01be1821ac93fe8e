package remote

import (
	"net"
	"syscall"
)

// quickAck acknowledges at once what arrives. sshd leaves Nagle's algorithm on until a session runs, and waits with every
// second small packet of the handshake for our delayed acknowledgement: about 40 ms a connection. The kernel forgets the
// option, hence one call for each read.
func quickAck(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return conn
	}
	return &quickAckConn{TCPConn: tcp, raw: raw}
}

type quickAckConn struct {
	*net.TCPConn
	raw syscall.RawConn
}

func (c *quickAckConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	_ = c.raw.Control(func(fd uintptr) {
		const tcpQuickAck = 12
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpQuickAck, 1)
	})
	return n, err
}
