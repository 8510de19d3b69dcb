package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// claims is what the server reads of a token.
type claims struct {
	Subject     string   `json:"sub"`
	Authorities []string `json:"authorities"`
	Expires     int64    `json:"exp"`
}

func (c claims) has(authority string) bool {
	for _, one := range c.Authorities {
		if one == authority {
			return true
		}
	}
	return false
}

// authenticate verifies the JWT (HS256) of an Authorization header.
func authenticate(secret []byte, authorization string) (claims, error) {
	var caller claims
	if !strings.HasPrefix(authorization, "Bearer ") {
		return caller, errors.New("no bearer token")
	}
	parts := strings.Split(strings.TrimPrefix(authorization, "Bearer "), ".")
	if len(parts) != 3 {
		return caller, errors.New("malformed JWT")
	}

	var header struct {
		Algorithm string `json:"alg"`
	}
	if err := decodePart(parts[0], &header); err != nil || header.Algorithm != "HS256" {
		return caller, errors.New("unsupported algorithm")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return caller, errors.New("malformed signature")
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(parts[0] + "." + parts[1]))
	if !hmac.Equal(signature, mac.Sum(nil)) {
		return caller, errors.New("signature is invalid")
	}
	if err := decodePart(parts[1], &caller); err != nil {
		return caller, errors.New("malformed claims")
	}
	if time.Now().Unix() >= caller.Expires {
		return caller, errors.New("JWT is expired")
	}
	return caller, nil
}

func decodePart(part string, into any) error {
	data, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
