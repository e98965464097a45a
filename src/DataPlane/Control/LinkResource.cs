using Nf.DataPlane.Ports;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>A link as the control thread knows it.</summary>
internal sealed class LinkResource(
    Link asked, IReadOnlyList<IConnectable> a, IReadOnlyList<IConnectable> b, Crossings crossings) : IConnection
{
    public string Type => "link";

    public string Name { get; } = asked.Name;

    /// <summary>Name, spec and labels as they were asked for.</summary>
    internal Link Asked { get; } = asked;

    internal IReadOnlyList<IConnectable> A { get; } = a;

    internal IReadOnlyList<IConnectable> B { get; } = b;

    public IEnumerable<IConnectable> Members => A.Concat(B).Distinct();

    public Worker Worker => A[0].Group.Worker;

    /// <summary>The cpumap that spreads what arrives on <see cref="A"/>; null for none.</summary>
    internal CrossingUse? UseOfA { get; init; }

    /// <summary>As <see cref="UseOfA"/>, for <see cref="B"/>.</summary>
    internal CrossingUse? UseOfB { get; init; }

    public IEnumerable<CrossingUse?> Uses => [UseOfA, UseOfB];

    /// <summary>True when frames pass through a cpumap on the way: its ports may be of several workers.</summary>
    internal bool Crosses => UseOfA is not null || UseOfB is not null;

    /// <summary>Points every port at the one that what it receives leaves by.</summary>
    public void Wire()
    {
        if (Crosses)
        {
            WireAll();
        }
        else
        {
            // One worker, one action: what is received meanwhile sees all of it or nothing.
            Worker.Invoke(WireAll);
        }
    }

    /// <summary>Points every port at nothing.</summary>
    public void Unwire()
    {
        foreach (IConnectable member in Members)
        {
            foreach (Port port in member.Ports.OfType<Port>())
            {
                crossings.Disconnect(port, member.Group.Worker);
            }
        }
    }

    /// <summary>The end that a member is not in; the one that it is in, when both are the same.</summary>
    internal IReadOnlyList<IConnectable> Other(IConnectable member) => A.Contains(member) ? B : A;

    /// <summary>As soon as one socket of the other end carries traffic.</summary>
    public bool CarriesFrom(IConnectable member) => Other(member).Any(other => other.WhyDown.Length == 0);

    /// <summary>A link knows nothing.</summary>
    public void Forget(IConnectable member)
    {
    }

    internal Link Describe()
    {
        IConnectable? down = Members.FirstOrDefault(member => member.WhyDown.Length != 0);
        Link link = Asked.Clone();
        link.Status = new LinkStatus
        {
            State = down is null ? LinkState.Up : LinkState.Degraded,
            StateReason = down is null ? "" : $"{down.Describe()}: {down.WhyDown}",
            ZeroCopy = Members.Select(member => member.Group).Distinct().ToList() is [UmemResource],
        };
        return link;
    }

    private void WireAll()
    {
        Wire(A, B, UseOfA);
        if (!A.SequenceEqual(B))
        {
            Wire(B, A, UseOfB);
        }
    }

    private void Wire(IReadOnlyList<IConnectable> from, IReadOnlyList<IConnectable> to, CrossingUse? use)
    {
        CrossingTarget?[] targets =
        [
            .. to.SelectMany(member => member.Targets.Select(target => target is null
                ? null
                : new CrossingTarget(member.Group.Worker, new CrossingOut.Onward(target)))),
        ];
        int position = 0;
        foreach (IConnectable member in from)
        {
            foreach (Port? port in member.Ports)
            {
                if (port is not null)
                {
                    crossings.Connect(port, member.Group.Worker, targets[position % targets.Length], use);
                }

                position++;
            }
        }
    }
}
