"""Background work: what leaves the building, and what is forgotten afterwards."""

from wealist.core.jobs import Job
from wealist.noti import deliveries, mail, mutes, push

# Not leased: a row is taken by one process only, so replicas share the work.
DELIVERY_JOBS = [
    Job("noti.mail", 30, mail.send_due, leased=False, deadline=600),
    Job("noti.push", 5, push.send_due, leased=False),
    Job("noti.deliveries", 3600, deliveries.purge),
    Job("noti.mutes", 24 * 3600, mutes.purge),
]
