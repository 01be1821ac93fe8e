package source

import "reflect"

// Below appends key to path.
func Below(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// fieldOf finds the field of a document type that key fills.
func fieldOf(in reflect.Value, key string) (reflect.Value, reflect.StructTag, bool) {
	for i := range in.NumField() {
		f := in.Type().Field(i)
		if f.Anonymous {
			if v, tag, ok := fieldOf(in.Field(i), key); ok {
				return v, tag, true
			}
		} else if name := f.Tag.Get("key"); name != "" && name == key {
			return in.Field(i), f.Tag, true
		}
	}
	return reflect.Value{}, "", false
}

// Keys lists the keys of a document type in the order of its fields.
func Keys(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		if f.Anonymous {
			keys = append(keys, Keys(f.Type)...)
		} else if name := f.Tag.Get("key"); name != "" {
			keys = append(keys, name)
		}
	}
	return keys
}
