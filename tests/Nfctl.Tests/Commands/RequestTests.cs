using Google.Protobuf;
using Nf.V1;

namespace Nf.Ctl.Tests.Commands;

public class RequestTests
{
    public static TheoryData<string, string> Requests => new()
    {
        {
            "umem create u --size 64MiB",
            """{"name":"u","spec":{"sizeBytes":"67108864"}}"""
        },
        {
            "umem create u --size 1GiB --chunk 4KiB --headroom 256 --page-size 2m --unaligned --tx-metadata 16 "
                + "--tx-sw-checksum --numa 0 --owner red --cpu 3 --label a=b --label c= --label d=e=f --validate-only",
            """
            {"name":"u","spec":{"sizeBytes":"1073741824","chunkSizeBytes":4096,"headroomBytes":256,"unaligned":true,
            "pageSize":"PAGE_SIZE_2MIB","txMetadataBytes":16,"txSoftwareChecksum":true,"numaNode":0,"quotaOwner":"red",
            "workerCpu":3},"labels":{"a":"b","c":"","d":"e=f"},"validateOnly":true}
            """
        },
        {
            "xsk bind s --umem u --interface eth1 --queue 0",
            """{"name":"s","spec":{"umem":"u","interface":"eth1"}}"""
        },
        {
            "xsk bind s --umem u --ifindex 7 --netns blue --queue 5 --rx 64 --tx 128 --fill 256 --completion 512 "
                + "--mode zero-copy --xdp-mode native --no-need-wakeup --scatter-gather --label pod=web-0",
            """
            {"name":"s","spec":{"umem":"u","ifindex":7,"networkNamespace":{"path":"/run/netns/blue"},"queue":5,
            "rings":{"rx":64,"tx":128,"fill":256,"completion":512},"mode":"XSK_MODE_ZERO_COPY",
            "xdpMode":"XDP_MODE_NATIVE","noNeedWakeup":true,"scatterGather":true},"labels":{"pod":"web-0"}}
            """
        },
        {
            "xsk bind s --umem u --interface eth1 --queue 0 --netns pid:42 --mode copy --xdp-mode generic "
                + "--busy-poll-us 20 --busy-poll-budget 64 --defer-hard-irqs 2 --gro-flush-ns 200000 --validate-only",
            """
            {"name":"s","spec":{"umem":"u","interface":"eth1","networkNamespace":{"pid":42},"mode":"XSK_MODE_COPY",
            "xdpMode":"XDP_MODE_GENERIC","busyPoll":{"timeoutUs":20,"budget":64,"deferHardIrqs":2,
            "groFlushTimeoutNs":"200000"}},"validateOnly":true}
            """
        },
        {
            "link create l --a s0,s1 --b t --label x=y",
            """
            {"name":"l","spec":{"a":{"xskSockets":["s0","s1"]},"b":{"xskSockets":["t"]}},"labels":{"x":"y"}}
            """
        },
        {
            "link create l --a vhost:vm1 --b s",
            """{"name":"l","spec":{"a":{"vhostDevice":"vm1"},"b":{"xskSockets":["s"]}}}"""
        },
        { "vhost create v --socket /run/v.sock", """{"name":"v","spec":{"socketPath":"/run/v.sock"}}""" },
        {
            "vhost create v --socket /a/../run/v.sock --client --queue-pairs 2 --queue-size-max 256 --mtu 9000 "
                + "--without packed,in-order,segmentation --mac 52:54:00:00:00:01 --cpu 0 --label vm=a --validate-only",
            """
            {"name":"v","spec":{"socketPath":"/run/v.sock","role":"VHOST_ROLE_CLIENT","queuePairs":2,
            "queueSizeMax":256,"features":{"packed":false,"inOrder":false,"segmentation":false},"mtuBytes":9000,
            "mac":"52:54:00:00:00:01","workerCpu":0},"labels":{"vm":"a"},"validateOnly":true}
            """
        },
        {
            "vhost create v --socket /run/v.sock --socket-mode 0666",
            """{"name":"v","spec":{"socketPath":"/run/v.sock","socketMode":438}}"""
        },
        {
            "bridge create b --endpoint vhost:v -e s0,s1",
            """{"name":"b","spec":{"endpoints":[{"vhostDevice":"v"},{"xskSockets":["s0","s1"]}]}}"""
        },
        {
            "bridge create b -e s -e t --age 2m --entries-max 64 --endpoint-entries-max 32 --label x=y --validate-only",
            """
            {"name":"b","spec":{"endpoints":[{"xskSockets":["s"]},{"xskSockets":["t"]}],"ageSeconds":120,
            "entriesMax":64,"endpointEntriesMax":32},"labels":{"x":"y"},"validateOnly":true}
            """
        },
        {
            "link create l --a vhost:vm1@fan --b s0,s1@fan:cpu=3",
            """
            {"name":"l","spec":{"a":{"vhostDevice":"vm1","cpumap":{"cpumap":"fan"}},"b":{"xskSockets":["s0","s1"],
            "cpumap":{"cpumap":"fan","selection":{"kind":"CPU_SELECTION_KIND_FIXED","cpu":3}}}}}
            """
        },
        {
            "bridge create b -e vhost:v@fan:round-robin -e s",
            """
            {"name":"b","spec":{"endpoints":[{"vhostDevice":"v","cpumap":{"cpumap":"fan",
            "selection":{"kind":"CPU_SELECTION_KIND_ROUND_ROBIN"}}},{"xskSockets":["s"]}]}}
            """
        },
        { "cpumap create m", """{"name":"m","spec":{"backend":"CPUMAP_BACKEND_UNSPECIFIED"}}""" },
        {
            "cpumap create m --backend userspace --max-entries 8 --numa 0 --frags --label a=b --validate-only",
            """
            {"name":"m","spec":{"backend":"CPUMAP_BACKEND_USERSPACE","maxEntries":8,"numaNode":0,"frags":true},
            "labels":{"a":"b"},"validateOnly":true}
            """
        },
        {
            "cpumap entry set m 3 --queue-size 192",
            """{"cpumap":"m","entry":{"cpu":3,"queueSize":192}}"""
        },
        {
            "cpumap entry set m 3 --queue-size 0 --mode exist --drain-timeout 250ms",
            """{"cpumap":"m","entry":{"cpu":3},"mode":"CPUMAP_UPDATE_MODE_EXIST","drainTimeout":"0.250s"}"""
        },
        {
            "cpumap entry set m 0 --queue-size 8 --program drop",
            """
            {"cpumap":"m","entry":{"queueSize":8,"program":{"builtin":"BUILTIN_CPUMAP_PROGRAM_DROP"}}}
            """
        },
        {
            "cpumap entry set m 0 --queue-size 8 --program loaded:drop",
            """{"cpumap":"m","entry":{"queueSize":8,"program":{"loaded":"drop"}}}"""
        },
        {
            "cpumap entry set m 0 --queue-size 8 --redirect veth1 --netns blue",
            """
            {"cpumap":"m","entry":{"queueSize":8,"program":{"builtin":"BUILTIN_CPUMAP_PROGRAM_REDIRECT",
            "redirect":{"interface":"veth1","networkNamespace":{"path":"/run/netns/blue"}}}}}
            """
        },
        {
            "cpumap entry set m 0 --queue-size 8 --program redirect --redirect vhost:vm1",
            """
            {"cpumap":"m","entry":{"queueSize":8,"program":{"builtin":"BUILTIN_CPUMAP_PROGRAM_REDIRECT",
            "redirect":{"vhostDevice":"vm1"}}}}
            """
        },
        { "cpumap entry delete m 3", """{"cpumap":"m","cpu":3}""" },
        {
            "cpumap program load p --step 'udp port 53 -> drop' --step '-> redirect xsk:s'",
            """
            {"name":"p","spec":{"filters":{"steps":[{"filter":"udp port 53","action":"BUILTIN_CPUMAP_PROGRAM_DROP"},
            {"action":"BUILTIN_CPUMAP_PROGRAM_REDIRECT","redirect":{"xskSocket":"s"}}]}}}
            """
        },
        {
            "steer set s --interface eth1 --rule 'web: tcp dport 443 -> cpumap fan hash or drop' --rule 'any -> pass'",
            """
            {"name":"s","spec":{"interface":"eth1","rules":[{"name":"web","match":{"ipProtocol":6,
            "destinationPort":{"first":443,"last":443}},"action":{"cpumap":{"cpumap":"fan",
            "selection":{"kind":"CPU_SELECTION_KIND_FLOW_HASH"}},"fallback":"STEERING_FALLBACK_DROP"}},
            {"match":{},"action":{"pass":{}}}]}}
            """
        },
        {
            "steer set s --ifindex 7 --netns blue --default 'xsk or drop' --management 'icmp' --steer-management "
                + "--xdp-mode generic --frags --label a=b --validate-only",
            """
            {"name":"s","spec":{"ifindex":7,"networkNamespace":{"path":"/run/netns/blue"},"defaultAction":{"xsk":{},
            "fallback":"STEERING_FALLBACK_DROP"},"managementFilters":["icmp"],"steerManagement":true,
            "xdpMode":"XDP_MODE_GENERIC","frags":true},"labels":{"a":"b"},"validateOnly":true}
            """
        },
        {
            "steer test s 'ff:ff:ff:ff:ff:ff 02:00:00:00:00:01 08:06' --queue 2",
            """{"name":"s","packets":["////////AgAAAAABCAY="],"queue":2}"""
        },
        { "node", "{}" },
        { "node --netns /proc/9/ns/net", """{"networkNamespace":{"path":"/proc/9/ns/net"}}""" },
        { "events", """{"includePast":true}""" },
        { "events --follow", "{}" },
        { "events -f --past --type umem --type xsk", """{"includePast":true,"resourceTypes":["umem","xsk_socket"]}""" },
    };

    [Theory]
    [MemberData(nameof(Requests))]
    public void CommandLine_Parsed_GivesItsRequest(string line, string json)
    {
        IMessage request = CommandLine.ToRequest(line);

        Assert.Equal(JsonParser.Default.Parse(json, request.Descriptor), request);
    }

    [Fact]
    public void UmemCreate_NumaAndCpuNotGiven_LeavesThemUnset()
    {
        var request = Assert.IsType<CreateUmemRequest>(CommandLine.ToRequest("umem create u --size 1m"));

        Assert.False(request.Spec.HasNumaNode);
        Assert.False(request.Spec.HasWorkerCpu);
    }

    public static TheoryData<string, string> Misuses => new()
    {
        { "", "Required command" },
        { "umem", "Required command" },
        { "bogus", "'bogus'" },
        { "umem create", "Required argument" },
        { "umem create u", "--size" },
        { "umem create u --size 3x", "--size: '3x' is not a size" },
        { "umem create u --size", "--size" },
        { "umem create u --size 1m --size 2m", "--size" },
        { "umem create u --size 1m --page-size 8k", "--page-size: '8k' is no page size; choose 4k, 2m or 1g" },
        { "umem create u --size 1m --chunk 4GiB", "--chunk: '4GiB' is more than 32 bits can hold" },
        { "umem create u --size 1m --cpu -1", "--cpu: '-1' is not a whole number" },
        { "umem create u --size 1m --label x", "--label: 'x' is no label; write it like pod=web-0" },
        { "umem create u --size 1m --label x=1 --label x=2", "--label: 'x' is given 2 times" },
        { "umem create u --size 1m --frobnicate", "--frobnicate" },
        { "umem list --output yaml", "--output: 'yaml' is none of table, json" },
        { "umem list --timeout soon", "--timeout: 'soon' is not a duration" },
        { "xsk bind s --interface e --queue 0", "--umem is required" },
        { "xsk bind s --umem u --interface e --queue 0 --owner client", "--umem: not with --owner client" },
        { "xsk bind s --umem u --queue 0", "--interface or --ifindex is required" },
        { "xsk bind s --umem u --queue 0 --interface e --ifindex 1", "give --interface or --ifindex, not both" },
        { "xsk bind s --umem u --queue 0 --ifindex 0", "--ifindex: must be at least 1" },
        { "xsk bind s --umem u --queue 0 --ifindex 3 --mode fast", "--mode: 'fast' is none of auto, zero-copy, copy" },
        { "xsk bind s --umem u --queue 0 --interface e --rx 0", "--rx: must be at least 1" },
        { "xsk bind s --umem u --queue 0 --ifindex 3 --busy-poll-budget 8", "--busy-poll-budget needs --busy-poll-us" },
        { "link create l --a s", "--b" },
        { "link create l --a s,,t --b u", "--a: 's,,t' has an empty name" },
        { "link create l --a vhost: --b u", "--a: 'vhost:' is no endpoint" },
        { "link create l --a vhost:v,s --b u", "--a: 'vhost:v,s' is no endpoint" },
        { "link create l --a s,vhost:v --b u", "--a: 's,vhost:v' is no endpoint" },
        { "vhost create v", "--socket" },
        { "vhost create v --socket /s --without speed", "--without: 'speed' is none of mergeable, packed" },
        { "vhost create v --socket /s --socket-mode 0888", "--socket-mode: '0888' is no file mode" },
        { "vhost create v --socket /s --socket-mode 1777", "--socket-mode: '1777' is no file mode" },
        { "vhost create v --socket /s --queue-pairs 0", "--queue-pairs: must be at least 1" },
        { "vhost create v --socket /s --mtu big", "--mtu: 'big' is not a whole number" },
        { "bridge create b", "--endpoint" },
        { "bridge create b -e a -e b --age 1500ms", "--age: '1500ms' is not a whole number of seconds" },
        { "link create l --a s@ --b t", "--a: '@' has no cpumap after it" },
        { "link create l --a s@fan:fast --b t", "--a: 'fast' is no selection; choose one of hash, round-robin" },
        { "link create l --a s@fan:cpu=x --b t", "--a: 'x' is not a whole number" },
        { "cpumap create m --backend magic", "--backend: 'magic' is none of kernel, userspace" },
        { "cpumap entry set m", "Required argument" },
        { "cpumap entry set m 0", "--queue-size" },
        { "cpumap entry set m x --queue-size 8", "CPU: 'x' is not a whole number" },
        { "cpumap entry set m 0 --queue-size 8 --redirect xsk:", "--redirect: 'xsk:' is no target" },
        { "cpumap program load p", "--elf or --step is required" },
        { "cpumap program load p --step 'arp -> drop' --elf /dev/null", "give --elf or --step, not both" },
        { "cpumap program load p --elf /nowhere/x.o", "--elf: /nowhere/x.o: " },
        { "cpumap program load p --step 'arp'", "--step: 'arp' is no step" },
        { "cpumap program load p --step 'arp -> redirect'", "--step: 'arp -> redirect' is no step" },
        { "cpumap program load p --step '-> drop' --section x", "--section needs --elf" },
        { "steer set s", "--interface, --ifindex or --file is required" },
        { "steer set s --interface a --ifindex 1", "give --interface or --ifindex, not both" },
        { "steer set s --interface a --rule 'tcp'", "--rule: 'tcp' has no '->'" },
        { "steer set s --interface a --rule 'tcp -> fly'", "--rule: 'fly' is no action; write xsk, cpumap NAME" },
        { "steer set s --interface a --rule 'tcp -> cpumap'", "--rule: 'cpumap' is no action" },
        { "steer set s --interface a --rule 'tcp -> cpumap m fast'", "--rule: 'fast' is no selection" },
        { "steer set s --interface a --rule 'tcp -> drop or pass'", "--rule: 'or pass' after 'drop' is no action" },
        { "steer set s --interface a --rule 'tcp udp -> drop'", "--rule: 'udp': the protocol is given twice" },
        { "steer set s --interface a --rule 'port 5 -> drop'", "--rule: 'port' is no condition; write any" },
        { "steer set s --interface a --rule 'vlan -> drop'", "--rule: 'vlan' has no value after it" },
        { "steer set s --interface a --rule 'filter -> drop'", "--rule: 'filter' has no expression" },
        { "steer set s --file /nowhere/spec.json", "--file: /nowhere/spec.json: " },
        { "steer set s --interface a --prefixes /dev/null", "--prefixes: /dev/null has no prefixes" },
        { "steer test s", "a packet in hexadecimal or --pcap is required" },
        { "steer test s 012", "HEX: '012' is no packet in hexadecimal" },
        { "steer test s --pcap /dev/null", "--pcap: /dev/null is no capture file" },
        { "events --type cats", "--type: 'cats' is none of" },
        { "watch --count 0", "--count: must be at least 1" },
        { "watch --interval 0s", "--interval: '0s' is not above zero" },
        { "completion tcsh", "'tcsh'" },
    };

    [Theory]
    [MemberData(nameof(Misuses))]
    public async Task CommandLine_Misused_SaysWhyAndExitsWithTwo(string line, string fault)
    {
        CommandLine.Result result = await CommandLine.RunAsync(line);

        Assert.Equal(2, result.Code);
        Assert.Empty(result.Output);
        Assert.StartsWith("error: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(fault, result.Error, StringComparison.Ordinal);
        Assert.Contains("--help` shows the usage", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_Root_ListsTheExitCodes()
    {
        CommandLine.Result result = await CommandLine.RunAsync("--help");

        Assert.Equal(0, result.Code);
        Assert.Contains("7  resource exhausted", result.Output, StringComparison.Ordinal);
    }
}
