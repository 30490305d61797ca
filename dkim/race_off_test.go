//go:build !race

package dkim

const underRace = false
