// Package conformance runs foreign test suites. All of it is in the test files;
// README.md says how to run them and RESULTS.md what they gave.
package conformance
