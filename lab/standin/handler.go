package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
)

// notReadyFile has /readyz fail while it is there.
const notReadyFile = "/run/kplb-standin-not-ready"

// handler answers as a kube-apiserver does somebody without credentials: the
// health endpoints and the version, "forbidden" for everything else. With
// --anonymous-auth=false everything is 401. Watches, which the genuine one lets
// nobody hold whom it does not know, are held and stay silent.
func handler(told settings) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		// Not in the genuine one: says which node answered through a balancer.
		w.Header().Set("X-Standin-Node", told.advertiseAddress)
		if !told.anonAuth {
			refuse(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
			return
		}
		if request.URL.Query().Get("watch") == "true" {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush() // a client that is gone shows below
			<-request.Context().Done()
			return
		}
		if _, err := os.Stat(notReadyFile); err == nil && request.URL.Path == "/readyz" {
			http.Error(w, "[-]etcd failed: reason withheld\nreadyz check failed", http.StatusInternalServerError)
			return
		}
		switch request.URL.Path {
		case "/healthz", "/livez", "/readyz":
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			_, _ = io.WriteString(w, "ok")
		case "/version", "/version/":
			answer(w, http.StatusOK, map[string]string{
				"major": "1", "minor": "36", "gitVersion": "v1.36.3", "gitTreeState": "clean", "platform": "linux/amd64",
			})
		default:
			refuse(w, http.StatusForbidden, "Forbidden",
				fmt.Sprintf("forbidden: User \"system:anonymous\" cannot get path %q", request.URL.Path))
		}
	})
}

func refuse(w http.ResponseWriter, code int, reason, message string) {
	answer(w, code, map[string]any{
		"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{},
		"status": "Failure", "message": message, "reason": reason, "code": code,
	})
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}
