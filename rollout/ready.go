package rollout

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/plan"
)

// authority is the cluster's CA as the nodes have it. Two nodes with
// different ones are not one cluster.
func (r *Rollout) authority() (*x509.CertPool, error) {
	var first string
	pool := x509.NewCertPool()
	for _, n := range r.Cluster.Nodes {
		f := r.facts[n.Name]
		if f == nil {
			continue
		}
		pem := f.Files[kubeadm.CAPath].Content
		switch {
		case len(pem) == 0:
			return nil, fmt.Errorf("%s: %s is not there", n.Name, kubeadm.CAPath)
		case first == "":
			first = string(pem)
			if !pool.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("%s: %s holds no certificate", n.Name, kubeadm.CAPath)
			}
		case first != string(pem):
			return nil, fmt.Errorf("%s: %s differs from the other nodes': not one cluster", n.Name, kubeadm.CAPath)
		}
	}
	return pool, nil
}

// othersPatience is longer than an etcd hesitates when it gets a member or
// elects a leader, in which time every apiserver says that it is not ready.
const othersPatience = 15 * time.Second

// awaitQuorate gives quorate time to come true.
func (r *Rollout) awaitQuorate(ctx context.Context, without inventory.Node) error {
	waiting := Event{Node: without.Name, Step: "waiting for the other apiservers", Usual: proofUsual, Brief: true}
	return r.during(waiting, func(waits func(string)) error {
		return retried(ctx, othersPatience, waits, func() error { return r.quorate(ctx, without) })
	})
}

// awaitReady waits until a node's apiserver says that it is ready.
func (r *Rollout) awaitReady(ctx context.Context, n inventory.Node, waits func(string)) error {
	ca, err := r.authority()
	if err != nil {
		return err
	}
	var name *apiserver.NameError // no waiting changes that
	err = retried(ctx, plan.RestartLimit, waits, func() error {
		err := r.controlPlane(ca).Ready(ctx, n.Name, r.Cluster.APIServerAddress(n))
		if errors.As(err, &name) {
			return nil
		}
		return err
	})
	switch {
	case name != nil:
		return fmt.Errorf("%s: %w", n.Name, name)
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("%s: the apiserver is not ready after %s: %w", n.Name, plan.RestartLimit, err)
}

// awaitVIP waits until clients that move to the VIP find an apiserver there.
func (r *Rollout) awaitVIP(ctx context.Context) error {
	ca, err := r.authority()
	if err != nil {
		return err
	}
	waiting := Event{Step: "waiting for an apiserver behind the VIP", Usual: proofUsual, Brief: true}
	return r.during(waiting, func(waits func(string)) error {
		err := retried(ctx, vipPatience, waits, func() error {
			return r.controlPlane(ca).Ready(ctx, r.present()[0].Name, r.Cluster.Entrance())
		})
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		return fmt.Errorf("workers are not moved to the VIP: %w", err)
	})
}

// vipPatience is more than an election and HAProxy's first checks take.
const vipPatience = 20 * time.Second

// retried asks again and again until there is no error, patience is over or
// ctx has ended, and returns the last error. What it waits for is said.
func retried(ctx context.Context, patience time.Duration, waits func(string), ask func() error) error {
	for deadline := time.Now().Add(patience); ; {
		err := ask()
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		waits(err.Error())
		select {
		case <-ctx.Done():
			return err
		case <-time.After(again):
		}
	}
}
