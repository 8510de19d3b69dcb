package main

import (
	"sync"
	"time"
)

// limiter counts the requests of each caller in fixed windows.
type limiter struct {
	mu      sync.Mutex
	limit   int
	every   time.Duration
	windows map[string]*window
}

type window struct {
	ends  time.Time
	count int
}

func newLimiter(limit int, every time.Duration) *limiter {
	return &limiter{limit: limit, every: every, windows: map[string]*window{}}
}

// take counts one request of the caller. It returns 0 if the request may go on, or how long the caller has to wait.
func (l *limiter) take(caller string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.windows[caller]
	if w == nil || !now.Before(w.ends) {
		w = &window{ends: now.Add(l.every)}
		l.windows[caller] = w
	}
	if w.count >= l.limit {
		return w.ends.Sub(now)
	}
	w.count++
	return 0
}
