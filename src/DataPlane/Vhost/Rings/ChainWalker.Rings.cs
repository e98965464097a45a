using Nf.DataPlane.Vhost.Memory;

namespace Nf.DataPlane.Vhost.Rings;

/// <content>How a chain goes on in each kind of ring.</content>
internal sealed unsafe partial class ChainWalker
{
    /// <summary>Reads the chain of a split ring that begins at a descriptor.</summary>
    internal ChainVerdict WalkSplit(uint head)
    {
        Begin();
        Id = head;
        if (head >= _size)
        {
            return Break(RingFault.HeadOutOfRange, head);
        }

        uint index = head;
        while (true)
        {
            // A chain of all descriptors is legal; one more means that it comes by a descriptor twice.
            if (++Descriptors > _size)
            {
                return Break(RingFault.ChainLoops, head);
            }

            // SAFETY: index < size, so the descriptor is inside the table; 16-byte alignment was checked.
            ulong* descriptor = (ulong*)(_descriptors + (index * DescriptorBytes));
            ulong address = Volatile.Read(ref descriptor[0]);
            ulong rest = Volatile.Read(ref descriptor[1]);
            ushort flags = (ushort)(rest >> 32);
            if ((flags & FlagIndirect) == 0)
            {
                Add(address, (uint)rest, (flags & FlagWrite) != 0);
            }
            else if ((flags & FlagNext) == 0)
            {
                AddTable(address, (uint)rest, isLinked: true);
            }
            else
            {
                Refuse(ChainFault.IndirectAndNext);
            }

            if ((flags & FlagNext) == 0)
            {
                return End();
            }

            index = (uint)(rest >> 48);
            if (index >= _size)
            {
                return Break(RingFault.NextOutOfRange, index);
            }
        }
    }

    /// <summary>Reads the chain of a packed ring at a position whose descriptor is available.</summary>
    /// <param name="position">Where it begins.</param>
    /// <param name="descriptorsMax">Descriptors that are not in hand: a longer chain would run into those.</param>
    internal ChainVerdict WalkPacked(uint position, uint descriptorsMax)
    {
        Begin();
        uint head = position;
        while (true)
        {
            if (++Descriptors > descriptorsMax)
            {
                return Break(RingFault.ChainLoops, head);
            }

            // SAFETY: position < size, so the descriptor is inside the ring; 16-byte alignment was checked.
            ulong* descriptor = (ulong*)(_descriptors + (position * DescriptorBytes));

            // The driver makes the first descriptor available last: its flags were read with acquire before this, so
            // the others are complete.
            ulong rest = Volatile.Read(ref descriptor[1]);
            ulong address = Volatile.Read(ref descriptor[0]);
            ushort flags = (ushort)(rest >> 48);
            if ((flags & FlagIndirect) == 0)
            {
                Add(address, (uint)rest, (flags & FlagWrite) != 0);
            }
            else if ((flags & FlagNext) == 0)
            {
                AddTable(address, (uint)rest, isLinked: false);
            }
            else
            {
                Refuse(ChainFault.IndirectAndNext);
            }

            if ((flags & FlagNext) == 0)
            {
                // The id of the last descriptor is the chain's. It is handed back as it is and never an index here.
                Id = (ushort)(rest >> 32);
                return End();
            }

            position = position + 1 == _size ? 0 : position + 1;
        }
    }

    /// <summary>Reads a chain of a packed ring from copies of its descriptors, which are trusted no more.</summary>
    internal ChainVerdict WalkCopies(ReadOnlySpan<InflightDescriptor> copies)
    {
        Begin();
        Descriptors = (uint)copies.Length;
        foreach (ref readonly InflightDescriptor copy in copies)
        {
            Id = copy.Id;
            if ((copy.Flags & FlagIndirect) == 0)
            {
                Add(copy.Address, copy.Length, (copy.Flags & FlagWrite) != 0);
            }
            else if ((copy.Flags & FlagNext) == 0)
            {
                AddTable(copy.Address, copy.Length, isLinked: false);
            }
            else
            {
                Refuse(ChainFault.IndirectAndNext);
            }
        }

        return End();
    }
}
