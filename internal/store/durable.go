package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// disk is what keeping a file durably takes of a file system. Tests let it fail.
type disk interface {
	Read(name string) ([]byte, error)
	Create(name string) (diskFile, error)
	Rename(from, to string) error
	Remove(name string) error
	SyncDir(name string) error
}

type diskFile interface {
	io.WriteCloser
	Sync() error
}

// replace writes a file so that a crash at any moment leaves the old content or the
// new. After an error it is one of the two: the old, unless only the last step
// failed.
func replace(d disk, path string, content []byte) (err error) {
	fresh := path + ".new"
	defer func() {
		if err != nil {
			_ = d.Remove(fresh)
		}
	}()
	f, err := d.Create(fresh)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := d.Rename(fresh, path); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

// osDisk is the file system of the host.
type osDisk struct{}

func (osDisk) Read(name string) ([]byte, error) { return os.ReadFile(name) }

func (osDisk) Create(name string) (diskFile, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

func (osDisk) Rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) Remove(name string) error { return os.Remove(name) }

func (osDisk) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
