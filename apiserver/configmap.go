package apiserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
)

// configMap is a ConfigMap as the apiserver gave it; what is not known here
// goes back as it came.
type configMap struct {
	namespace, name string
	object          map[string]any
}

func parseConfigMap(text []byte) (*configMap, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	c := &configMap{}
	if err := d.Decode(&c.object); err != nil {
		return nil, fmt.Errorf("is not an object: %w", err)
	}
	meta, _ := c.object["metadata"].(map[string]any)
	c.name, _ = meta["name"].(string)
	c.namespace, _ = meta["namespace"].(string)
	if c.object["kind"] != "ConfigMap" || c.name == "" || c.namespace == "" {
		return nil, errors.New("is no ConfigMap")
	}
	return c, nil
}

// get returns a value of data.
func (c *configMap) get(key string) (string, bool) {
	data, _ := c.object["data"].(map[string]any)
	value, ok := data[key].(string)
	return value, ok
}

// with is a copy with another value of data.
func (c *configMap) with(key, value string) *configMap {
	out := c.copied("data")
	out.object["data"].(map[string]any)[key] = value //nolint:forcetypeassert // copied made it
	return out
}

// before is the annotation that tells what kplb has replaced. It lives and
// goes with the object.
const before = "kplb/before"

// replaced reads the annotation into v, and says whether there is one.
func (c *configMap) replaced(v any) bool {
	meta, _ := c.object["metadata"].(map[string]any)
	annotations, _ := meta["annotations"].(map[string]any)
	text, ok := annotations[before].(string)
	return ok && json.Unmarshal([]byte(text), v) == nil
}

// remember is a copy with the annotation; nil takes it away.
func (c *configMap) remember(v any) *configMap {
	out := c.copied("metadata")
	meta := out.object["metadata"].(map[string]any) //nolint:forcetypeassert // copied made it
	annotations, _ := meta["annotations"].(map[string]any)
	annotations = maps.Clone(annotations)
	if annotations == nil {
		annotations = map[string]any{}
	}
	delete(annotations, before)
	if v != nil {
		text, _ := json.Marshal(v) // strings and booleans
		annotations[before] = string(text)
	}
	meta["annotations"] = annotations
	if len(annotations) == 0 {
		delete(meta, "annotations")
	}
	return out
}

// copied is a copy whose part can be changed.
func (c *configMap) copied(part string) *configMap {
	out := &configMap{c.namespace, c.name, maps.Clone(c.object)}
	inner, _ := c.object[part].(map[string]any)
	if inner = maps.Clone(inner); inner == nil {
		inner = map[string]any{}
	}
	out.object[part] = inner
	return out
}
