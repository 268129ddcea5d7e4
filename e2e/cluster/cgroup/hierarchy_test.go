package cgroup

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseHierarchies(t *testing.T) {
	tests := map[string]struct {
		mountinfo string
		want      []hierarchy
	}{
		"hybrid: every controller and the unified tree": {
			mountinfo: "24 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n" +
				"30 29 0:26 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n" +
				"31 29 0:27 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n" +
				"36 29 0:32 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
			want: []hierarchy{
				{mount: "/sys/fs/cgroup/cpuset", cpuset: true},
				{mount: "/sys/fs/cgroup/memory"},
				{mount: "/sys/fs/cgroup/unified", unified: true},
			},
		},
		"unified: one tree": {
			mountinfo: "30 29 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
			want:      []hierarchy{{mount: "/sys/fs/cgroup", unified: true}},
		},
		"no control groups": {mountinfo: "24 1 254:0 / / rw - ext4 /dev/vda rw\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, parseHierarchies(test.mountinfo))
		})
	}
}
