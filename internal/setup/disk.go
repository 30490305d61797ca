package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
)

// disk makes folders and files, each file whole or not at all, and never in the
// place of another.
type disk struct {
	owner *owner // who is given what is made; nil leaves it with who runs this
	// step is asked before each operation, for tests; nil lets all of them be done.
	step func(operation, path string) error
}

// owner is the account that serve runs as.
type owner struct{ uid, gid int }

// lookupOwner returns an account, nil if there is none of that name.
func lookupOwner(name string) (*owner, error) {
	u, err := user.Lookup(name)
	var unknown user.UnknownUserError
	if errors.As(err, &unknown) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("setup: %w", err)
	}
	uid, errUID := strconv.Atoi(u.Uid)
	gid, errGID := strconv.Atoi(u.Gid)
	if err := errors.Join(errUID, errGID); err != nil {
		return nil, fmt.Errorf("setup: the account %s: %w", name, err)
	}
	return &owner{uid, gid}, nil
}

// access is who may do what with a folder or file: its mode, and own.
type access uint32

// own means that it belongs to the account of serve, and not only to its group.
const own access = 1 << 16

// The folder and the configuration are root's: serve reads them and cannot change
// them. Keys and state are nobody's but its own; DNS records are public.
const (
	folderAccess access = 0o750
	configAccess access = 0o640
	recordAccess access = 0o644
	keyAccess    access = 0o600 | own
	stateAccess  access = 0o700 | own
)

// folder makes a folder, and those above it, unless it is there.
func (d *disk) folder(path string, a access) (made bool, err error) {
	if info, err := os.Stat(path); err == nil {
		if !info.IsDir() {
			return false, fmt.Errorf("setup: %s is no folder", path)
		}
		return false, nil
	}
	above := filepath.Dir(path)
	if err := d.do("mkdir", above, func() error { return os.MkdirAll(above, 0o755) }); err != nil {
		return false, err
	}
	if err := d.do("mkdir", path, func() error { return os.Mkdir(path, 0o700) }); err != nil {
		return false, err
	}
	if err := d.giveFolder(path, a); err != nil {
		return true, err
	}
	return true, d.syncFolder(above)
}

// giveFolder is give for a folder that was just made, unless another has come to its
// place.
func (d *disk) giveFolder(path string, a access) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	defer f.Close()
	opened, err := f.Stat()
	if err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	if there, err := os.Lstat(path); err != nil || !os.SameFile(there, opened) {
		return fmt.Errorf("setup: %s was replaced while it was made", path)
	}
	return d.give(f, path, a)
}

// create makes a file. The text goes into a file of another name, which gets its own
// name once it is on the disk: a link, unlike a rename, fails if the name is taken.
func (d *disk) create(path string, text []byte, a access) (err error) {
	var f *os.File
	err = d.do("create", path, func() (err error) {
		f, err = os.CreateTemp(filepath.Dir(path), ".waxseal-*")
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	if err := d.do("write", path, func() error { _, err := f.Write(text); return err }); err != nil {
		return err
	}
	if err := d.give(f, path, a); err != nil {
		return err
	}
	if err := d.do("sync", path, f.Sync); err != nil {
		return err
	}
	if err := d.do("close", path, f.Close); err != nil {
		return err
	}
	if err := d.do("link", path, func() error { return os.Link(f.Name(), path) }); err != nil {
		return err
	}
	return d.syncFolder(filepath.Dir(path))
}

// give sets the mode of what is, or will be, at path, and hands it to the owner. It
// goes by the open file: where others may write into the folder, its name can have
// become that of something else.
func (d *disk) give(f *os.File, path string, a access) error {
	if d.owner != nil {
		uid := 0
		if a&own != 0 {
			uid = d.owner.uid
		}
		if err := d.do("chown", path, func() error { return f.Chown(uid, d.owner.gid) }); err != nil {
			return err
		}
	}
	return d.do("chmod", path, func() error { return f.Chmod(fs.FileMode(a).Perm()) })
}

// syncFolder puts a folder's names on the disk.
func (d *disk) syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // has no such thing
	}
	return d.do("sync", path, func() error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return f.Sync()
	})
}

// do does one operation; its error names the path that was asked for, and not that of
// the file on the way there.
func (d *disk) do(operation, path string, f func() error) error {
	var err error
	if d.step != nil {
		err = d.step(operation, path)
	}
	if err == nil {
		err = f()
	}
	var at *fs.PathError
	var link *os.LinkError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &at):
		err = at.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return fmt.Errorf("setup: %s %s: %w", operation, path, err)
}
