namespace Nf.DataPlane.Control;

/// <summary>Told of what happens to a vhost device while its session handles a message.</summary>
internal interface IVhostObserver
{
    /// <summary>A ring was started, stopped, enabled or disabled.</summary>
    void RingsChanged(VhostResource device);

    /// <summary>The session is to be stored anew before its next message is read.</summary>
    void SessionChanged(VhostResource device);

    /// <summary>The session has something to say to people.</summary>
    void Told(VhostResource device, string kind, string message);
}
