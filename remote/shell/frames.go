package shell

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/kplb/kplb/remote/failure"
)

// What one script may print. Beyond it Run gives up with ErrOutputLimit.
const (
	MaxLine   = 1 << 20  // bytes in a record
	MaxOutput = 16 << 20 // bytes on standard output, and as many on standard error
)

// frames finds the lines of one run in what a host prints. Everything else (banners, noise of rc files, other people's frames) is
// dropped as it comes, so that memory stays bounded by MaxLine.
type frames struct {
	r      *bufio.Reader
	nonce  string
	read   string // the mark of a program that was read
	onRead func() // called when it is found
	total  int
	noise  failure.Tail // the end of what was dropped, for the case that nothing else explains a failure
	ended  bool         // the script has,
	code   int          // with this exit status
}

func newFrames(r *bufio.Reader, nonce string) *frames {
	return &frames{r: r, nonce: nonce, noise: failure.Tail{Limit: 512}}
}

// next gives what follows the nonce on the next framed line; io.EOF at the end of the script or of the stream. An unfinished last line
// does not count.
func (f *frames) next() (string, error) {
	for {
		line, framed, err := f.line()
		if err != nil {
			return "", err
		}
		if !framed {
			continue
		}
		if status, ok := strings.CutPrefix(line, " "); ok {
			if code, err := strconv.Atoi(status); err == nil {
				f.ended, f.code = true, code
				return "", io.EOF
			}
		}
		return line, nil
	}
}

// line gives what follows the nonce, wherever in a line it is: what was printed before may lack its end of line.
func (f *frames) line() (line string, framed bool, err error) {
	var kept []byte
	seam := "" // the end of a part of the line that has none of our marks
	for {
		chunk, err := f.r.ReadSlice('\n')
		f.total += len(chunk)
		if f.total > MaxOutput {
			return "", false, fmt.Errorf("%w: over %d MiB on standard output", failure.ErrOutputLimit, MaxOutput>>20)
		}
		if framed {
			kept = append(kept, chunk...)
		} else if i := behind(seam, chunk, f.nonce); i >= 0 {
			framed, kept = true, append(kept, chunk[i:]...)
		} else {
			f.noted(seam, chunk)
			seam = string(chunk[max(0, len(chunk)-len(f.nonce)-len(f.read)):])
		}
		if len(kept) > MaxLine {
			return "", false, fmt.Errorf("%w: a record over %d MiB", failure.ErrOutputLimit, MaxLine>>20)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return "", false, err
		}
		return strings.TrimSuffix(string(kept), "\n"), framed, nil
	}
}

// noted keeps what is no record, for messages, unless it says that the program was read.
func (f *frames) noted(seam string, chunk []byte) {
	if f.read == "" || behind(seam, chunk, f.read) < 0 {
		f.noise.Add(chunk)
		return
	}
	f.onRead()
}

// behind gives where in chunk what follows mark begins, if it is in there or begins in seam, which came before; else -1.
func behind(seam string, chunk []byte, mark string) int {
	if i := bytes.Index(chunk, []byte(mark)); i >= 0 {
		return i + len(mark)
	}
	if seam == "" {
		return -1
	}
	border := seam + string(chunk[:min(len(chunk), len(mark))])
	if i := strings.Index(border, mark); i >= 0 {
		return i + len(mark) - len(seam)
	}
	return -1
}
