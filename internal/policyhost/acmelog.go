package policyhost

import (
	"context"
	"log/slog"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newZap returns a logger for certmagic that writes to ours.
func newZap(log *slog.Logger) *zap.Logger { return zap.New(&bridge{log: log}) }

// bridge is a core of zap that writes to slog.
type bridge struct {
	log    *slog.Logger
	fields []zapcore.Field
}

// levelOf is one step below what certmagic says: it tells all it does, and what came of
// it we tell ourselves.
func levelOf(l zapcore.Level) slog.Level {
	switch {
	case l >= zapcore.ErrorLevel:
		return slog.LevelWarn
	case l == zapcore.WarnLevel:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// Enabled implements zapcore.LevelEnabler.
func (b *bridge) Enabled(l zapcore.Level) bool {
	return b.log.Enabled(context.Background(), levelOf(l))
}

// With implements zapcore.Core.
func (b *bridge) With(fields []zapcore.Field) zapcore.Core {
	return &bridge{b.log, append(b.fields[:len(b.fields):len(b.fields)], fields...)}
}

// Check implements zapcore.Core.
func (b *bridge) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.Enabled(e.Level) {
		return to.AddCore(e, b)
	}
	return to
}

// Write implements zapcore.Core.
func (b *bridge) Write(e zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, list := range [][]zapcore.Field{b.fields, fields} {
		for _, f := range list {
			f.AddTo(enc)
		}
	}
	b.log.LogAttrs(context.Background(), levelOf(e.Level), "MTA-STS host: acme: "+e.Message,
		slog.String("part", e.LoggerName), slog.Any("fields", enc.Fields))
	return nil
}

// Sync implements zapcore.Core.
func (b *bridge) Sync() error { return nil }
