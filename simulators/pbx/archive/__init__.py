"""The call-recording archive of the reference PBX: takes what the PBX has recorded, keeps it, serves it by HTTP.

It belongs to the PBX under test as a customer's archive does: scenarios reach it only as the target declares.
"""
