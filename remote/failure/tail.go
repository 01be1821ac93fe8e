package failure

// TailSize is how much of what a host says is kept, in bytes.
const TailSize = 8 << 10

// Tail keeps the end of a stream, for messages.
type Tail struct {
	Limit int    // bytes that are kept
	Total int    // bytes that have come
	Data  []byte // the end; may be longer than Limit
}

// Add adds what has come.
func (t *Tail) Add(p []byte) {
	t.Total += len(p)
	t.Data = append(t.Data, p...)
	if len(t.Data) > 2*t.Limit {
		t.Data = append(t.Data[:0], t.Data[len(t.Data)-t.Limit:]...)
	}
}

// String is the end, cleaned.
func (t *Tail) String() string {
	data := t.Data
	if len(data) > t.Limit {
		data = data[len(data)-t.Limit:]
	}
	return Clean(string(data))
}
