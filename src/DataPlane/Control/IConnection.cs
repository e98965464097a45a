namespace Nf.DataPlane.Control;

/// <summary>What frames pass between ports by: a link or a bridge.</summary>
internal interface IConnection
{
    /// <summary>"link" or "bridge".</summary>
    string Type { get; }

    string Name { get; }

    /// <summary>What it connects, each once.</summary>
    IEnumerable<IConnectable> Members { get; }

    /// <summary>The worker of its first port; of all of them, unless frames cross between workers on the way.</summary>
    Worker Worker { get; }

    /// <summary>The cpumaps that spread what arrives on its endpoints; null for those that have none.</summary>
    IEnumerable<CrossingUse?> Uses { get; }

    /// <summary>Tells every port where what it receives goes, as things stand now. On the control thread, or on a
    /// worker that it waits for.</summary>
    void Wire();

    /// <summary>Lets every port forget it; returns when none of its frames is on another worker. On the control
    /// thread.</summary>
    void Unwire();

    /// <summary>Whether what a member sends can arrive somewhere now.</summary>
    bool CarriesFrom(IConnectable member);

    /// <summary>Whoever was behind a member is gone, and with it what was known of it. On the worker.</summary>
    void Forget(IConnectable member);
}
