// Command closeaccessrequests serves POST /access-requests/close as one would write it in an hour from the vendor's page, with
// nothing but Go's standard library. Closing itself is a stub.
//
// This is a server to be judged: where closecheck finds it wrong, docs/third-party.md says so, and it stays as it is.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"
)

const maxBody = 1 << 20

// closeRequest is the body of the operation.
type closeRequest struct {
	AccessRequestIDs []string `json:"accessRequestIds"`
	Message          string   `json:"message"`
	ExecutionStatus  string   `json:"executionStatus"`
	CompletionStatus string   `json:"completionStatus"`
}

// validate returns what is wrong with the request, one sentence each.
func (c closeRequest) validate() []string {
	var causes []string
	if len(c.AccessRequestIDs) < 1 || len(c.AccessRequestIDs) > 500 {
		causes = append(causes, "accessRequestIds must hold 1 to 500 ids.")
	}
	switch c.ExecutionStatus {
	case "Terminated", "Completed":
	default:
		causes = append(causes, "executionStatus must be Terminated or Completed.")
	}
	switch c.CompletionStatus {
	case "Success", "Incomplete", "Failure":
	default:
		causes = append(causes, "completionStatus must be Success, Incomplete or Failure.")
	}
	return causes
}

type errorMessage struct {
	Locale       string `json:"locale"`
	LocaleOrigin string `json:"localeOrigin"`
	Text         string `json:"text"`
}

type errorResponse struct {
	DetailCode string         `json:"detailCode"`
	TrackingID string         `json:"trackingId"`
	Messages   []errorMessage `json:"messages"`
	Causes     []errorMessage `json:"causes,omitempty"`
}

func messages(texts ...string) []errorMessage {
	var all []errorMessage
	for _, text := range texts {
		all = append(all, errorMessage{Locale: "en-US", LocaleOrigin: "DEFAULT", Text: text})
	}
	return all
}

func trackingID() string {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		panic(err)
	}
	return hex.EncodeToString(id)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		log.Print(err)
	}
}

func writeError(w http.ResponseWriter, status int, detailCode, text string, causes ...string) {
	writeJSON(w, status, errorResponse{
		DetailCode: detailCode,
		TrackingID: trackingID(),
		Messages:   messages(text),
		Causes:     messages(causes...),
	})
}

type server struct {
	secret  []byte
	limiter *limiter
}

func (s *server) close(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	caller, err := authenticate(s.secret, r.Header.Get("Authorization"))
	if err != nil {
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "JWT validation failed: " + err.Error()})
		return
	}
	if wait := s.limiter.take(caller.Subject, time.Now()); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
		writeJSON(w, http.StatusTooManyRequests, map[string]string{"message": "Rate Limit Exceeded"})
		return
	}
	if !caller.has("ORG_ADMIN") {
		writeError(w, http.StatusForbidden, "403 Forbidden", "The server understood the request but refuses to authorize it.")
		return
	}

	request := closeRequest{
		Message:          "The IdentityNow Administrator manually closed this request.",
		ExecutionStatus:  "Terminated",
		CompletionStatus: "Failure",
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&request); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			writeError(w, http.StatusRequestEntityTooLarge, "413 Request Entity Too Large", "The request is too large.")
			return
		}
		writeError(w, http.StatusBadRequest, "400.0 Bad Request", "The request could not be read.", err.Error())
		return
	}
	if causes := request.validate(); len(causes) > 0 {
		writeError(w, http.StatusBadRequest, "400.1 Bad Request Content",
			"The request was syntactically correct but its content is semantically invalid.", causes...)
		return
	}
	writeJSON(w, http.StatusAccepted, struct{}{})
}

// recovered answers 500 where a handler panics.
func recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if err := recover(); err != nil {
				log.Printf("panic: %v", err)
				writeError(w, http.StatusInternalServerError, "500.0 Internal Fault", "An internal fault occurred.")
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func main() {
	port := flag.Int("port", 4030, "the port on the loopback interface")
	perSecond := flag.Int("rate", 200, "requests per second that a caller may send")
	flag.Parse()
	secret := os.Getenv("JWT_SECRET")
	if secret == "" {
		log.Fatal("JWT_SECRET is not set")
	}

	s := &server{secret: []byte(secret), limiter: newLimiter(*perSecond, time.Second)}
	mux := http.NewServeMux()
	mux.HandleFunc("/v2024/access-requests/close", s.close)
	address := fmt.Sprintf("127.0.0.1:%d", *port)
	log.Printf("go: http://%s/v2024/access-requests/close", address)
	log.Fatal((&http.Server{
		Addr:              address,
		Handler:           recovered(mux),
		ReadHeaderTimeout: 10 * time.Second,
	}).ListenAndServe())
}
