"""Records with strace how a program changes a folder, and says what a power cut may leave of it.

The model is that of Pillai et al., OSDI 2014: only fsynced bytes are sure to be on the disk, and only names whose folder
was fsynced. Everything else may be there or not.
"""

import os
import pathlib
import random
import re

CALLS = (
    "open,openat,creat,write,pwrite64,writev,pwritev,lseek,ftruncate,truncate,fsync,fdatasync,rename,renameat,renameat2,"
    "unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,copy_file_range,sendfile,close,dup,dup2,dup3,fcntl,clone,clone3,"
    "fork,vfork"
)


def prefix(log):
    """Put before a command, writes its calls to a file."""
    return ["strace", "-f", "-qq", "-ttt", "-y", "-xx", "-s", "100000000", "-e", f"trace={CALLS}", "-o", str(log)]


def decoded(text):
    return bytes.fromhex(text.replace("\\x", ""))


def plain(text):
    """A path that strace printed beside a descriptor."""
    return decoded(text).decode(errors="replace") if text.startswith("\\x") else text


class Inode:
    """A file's bytes as they are and as they are sure to be."""

    def __init__(self, content=b"", synced=b""):
        self.content, self.synced = bytearray(content), bytes(synced)


class Disk:
    """A folder as it is, and as it is sure to be after a power cut."""

    def __init__(self, root):
        self.root = str(root)
        self.names, self.folders = {}, {""}
        for path in pathlib.Path(root).rglob("*"):
            relative = str(path.relative_to(root))
            if path.is_dir():
                self.folders.add(relative)
            else:
                content = path.read_bytes()
                self.names[relative] = Inode(content, content)
        self.sure_names, self.sure_folders = dict(self.names), set(self.folders)
        # Changes of names that are not on the disk yet, each with the folder whose fsync brings it there.
        self.pending = []

    def inside(self, path):
        """A path relative to the folder; None for one outside."""
        path = os.path.normpath(path)
        if path == self.root:
            return ""
        return path[len(self.root) + 1:] if path.startswith(self.root + "/") else None

    def _change(self, change, folder):
        change(self.names, self.folders)
        self.pending.append((change, folder))

    def create(self, path):
        inode = Inode()

        def change(names, _):
            names[path] = inode

        self._change(change, os.path.dirname(path))

    def make_folder(self, path):
        self._change(lambda _, folders: folders.add(path), os.path.dirname(path))

    def remove(self, path):
        def change(names, folders):
            names.pop(path, None)
            folders.discard(path)

        self._change(change, os.path.dirname(path))

    def link(self, source, target):
        inode = self.names[source]

        def change(names, _):
            names[target] = inode

        self._change(change, os.path.dirname(target))

    def rename(self, source, target):
        if source in self.folders:
            moved = {name: inode for name, inode in self.names.items() if name.startswith(source + "/")}

            def change(names, folders):
                for name, inode in moved.items():
                    names.pop(name, None)
                    names[target + name[len(source):]] = inode
                for folder in [f for f in folders if f == source or f.startswith(source + "/")]:
                    folders.discard(folder)
                    folders.add(target + folder[len(source):])
                folders.add(target)
        else:
            inode = self.names[source]

            def change(names, _):
                names.pop(source, None)
                names[target] = inode

        self._change(change, os.path.dirname(target))

    def sync_folder(self, path):
        rest = []
        for change, folder in self.pending:
            if folder == path:
                change(self.sure_names, self.sure_folders)
            else:
                rest.append((change, folder))
        self.pending = rest

    def variants(self, rounds=2):
        """What a power cut may leave now: names of files with their bytes, a title each."""
        yield "all", self._files(self.names, self.folders, lambda inode: bytes(inode.content))
        yield "least", self._files(self.sure_names, self.sure_folders, lambda inode: inode.synced)
        yield "names without bytes", self._files(self.names, self.folders, lambda inode: inode.synced)
        yield "names with zeros", self._files(self.names, self.folders, self._zeros)
        for _ in range(rounds):
            names, folders = dict(self.sure_names), set(self.sure_folders)
            for change, _folder in self.pending:
                if random.random() < 0.5:
                    change(names, folders)
            kinds = {}

            def some(inode):
                kind = kinds.setdefault(id(inode), random.randrange(3))
                return [bytes(inode.content), inode.synced, self._zeros(inode)][kind]

            yield "some", self._files(names, folders, some)

    @staticmethod
    def _zeros(inode):
        content = bytes(inode.content)
        keep = len(os.path.commonprefix([content, inode.synced]))
        return content[:keep] + bytes(len(content) - keep)

    @staticmethod
    def _files(names, folders, content):
        # A name in a folder that is not there is not there either.
        there = {folder for folder in folders if all(part in folders for part in parents(folder))}
        files = {name: content(inode) for name, inode in names.items() if os.path.dirname(name) in there}
        return files, there


def parents(path):
    while path:
        path = os.path.dirname(path)
        yield path


class Replay:
    """Applies recorded calls to a disk, one by one."""

    def __init__(self, log, root):
        self.disk = Disk(root)
        self.log = pathlib.Path(log)
        self.open = {}

    def steps(self):
        """Yields (time, description) after every call that changed the folder or made something sure."""
        calls = list(self._calls())
        # Another program that this one starts has file descriptors of its own, and calls before its start returns.
        starts = [call for call in calls if call[2] in ("fork", "vfork") or call[2].startswith("clone")]
        foreign = {str(result) for _, _, _, arguments, result in starts if "CLONE_THREAD" not in arguments}
        for thread, when, name, arguments, result in calls:
            if thread not in foreign and result >= 0 and self._apply(name, arguments, result):
                yield when, f"{name} {self.last}"

    def _calls(self):
        """Every call of the log: thread, time, name, arguments and result."""
        waiting = {}
        for line in self.log.read_text(errors="replace").splitlines():
            found = re.match(r"(\d+) +(\d+\.\d+) (.*)", line)
            if not found:
                continue
            thread, when, text = found[1], float(found[2]), found[3]
            if text.endswith("<unfinished ...>"):
                waiting[thread] = (when, text.removesuffix("<unfinished ...>"))
                continue
            resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
            if resumed:
                if thread not in waiting:
                    continue
                when, begun = waiting.pop(thread)
                text = begun + resumed[1]
            call = re.match(r"(\w+)\((.*)\) += (-?\d+)", text)
            if call:
                yield thread, when, call[1], call[2], int(call[3])

    def _paths(self, arguments):
        """The paths among arguments, each relative to the folder or None; a relative one follows its folder."""
        found = re.findall(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:\\x..)*)"', arguments)
        return [
            self.disk.inside(os.path.join(plain(folder), decoded(text).decode(errors="replace"))) for folder, text in found
        ]

    def _apply(self, name, arguments, result):
        disk = self.disk
        first = re.match(r"(\d+)", arguments)
        number = int(first[1]) if first else None
        self.last = ""
        if name in ("open", "openat", "creat"):
            path = self._paths(arguments)[0]
            self.open.pop(result, None)
            if path is None:
                return False
            if path in disk.folders:
                self.open[result] = {"folder": path}
                return False
            made = path not in disk.names
            if made:
                disk.create(path)
            inode = disk.names[path]
            if "O_TRUNC" in arguments or name == "creat":
                inode.content.clear()
            self.open[result] = {"inode": inode, "at": 0, "append": "O_APPEND" in arguments, "path": path}
            self.last = path
            return made
        if name in ("rename", "renameat", "renameat2", "link", "linkat"):
            source, target = self._paths(arguments)[:2]
            self.last = f"{source} -> {target}"
            if target is not None and source is None:
                # Moved in from outside: the bytes are those that were written there, which nobody recorded.
                raise ValueError(f"{name} from outside the recorded folder to {target}")
            if source is None:
                return False
            if target is None:
                disk.remove(source)
            elif name.startswith("link"):
                disk.link(source, target)
            else:
                disk.rename(source, target)
            return True
        if name in ("unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "truncate"):
            path = self._paths(arguments)[0]
            self.last = path
            if path is None:
                return False
            if name.startswith("mkdir"):
                disk.make_folder(path)
            elif name == "truncate":
                self._cut(disk.names[path], int(arguments.rsplit(",", 1)[1]))
            else:
                disk.remove(path)
            return True
        if name.startswith("dup") or (name == "fcntl" and "F_DUPFD" in arguments):
            self.open.pop(result, None)
            if number in self.open:
                self.open[result] = self.open[number]
            return False
        file = self.open.get(number)
        if name == "close":
            self.open.pop(number, None)
            return False
        if file is None:
            return False
        self.last = file.get("path", file.get("folder"))
        if name in ("fsync", "fdatasync"):
            if "folder" in file:
                disk.sync_folder(file["folder"])
            else:
                file["inode"].synced = bytes(file["inode"].content)
            return True
        if name == "lseek":
            file["at"] = result
            return False
        if name == "ftruncate":
            self._cut(file["inode"], int(arguments.rsplit(",", 1)[1]))
            return True
        if name in ("write", "writev", "pwrite64", "pwritev"):
            data = b"".join(decoded(text) for text in re.findall(r'"((?:\\x..)*)"', arguments))[:result]
            place = int(arguments.rsplit(",", 1)[1]) if name.startswith("p") else file["at"]
            content = file["inode"].content
            if file["append"]:
                place = len(content)
            content.extend(bytes(max(0, place - len(content))))
            content[place:place + len(data)] = data
            if not name.startswith("p"):
                file["at"] = place + len(data)
            return True
        if name in ("copy_file_range", "sendfile"):
            raise ValueError(f"{name} is not recorded")
        return False

    @staticmethod
    def _cut(inode, length):
        del inode.content[length:]
        inode.content.extend(bytes(length - len(inode.content)))
